// A hole in a stream, filled over REST: the real adapter, the real catch-up, and behind it memory, hub and database as
// `serve` puts them together. The hole is made by a stream that stands before it and one trade behind it.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createFeeds } from '../../feeds/index.ts'
import { createLog } from '../../src/base/log.ts'
import { loadConfig } from '../../src/config.ts'
import { createReadSide } from '../../src/gateway/read-side.ts'
import { createHub } from '../../src/hub/hub.ts'
import { createDelivery } from '../../src/ingest.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import { Sequencer } from '../../src/market/sequencer.ts'
import type { Tick } from '../../src/market/tick.ts'
import { type CatchUpPorts, catchUp } from '../../src/streams/catch-up.ts'
import { GapFiller } from '../../src/streams/fill-gaps.ts'
import { keepCandles } from '../../src/streams/keep-candles.ts'
import { mendCandles } from '../../src/streams/mend-candles.ts'
import { openDatabaseTier } from '../../src/tiers/database/database-tier.ts'
import { MemoryStream, MemoryTier } from '../../src/tiers/memory/memory.ts'
import { createDatabaseWriter } from '../../src/tiers/writer/writer.ts'
import { converse, readSetup } from './conversation.ts'

/** The last page of a hole may hold so many trades that come after it. */
const MOST_BEHIND = 1_000

interface Setup {
  readonly env: Readonly<Record<string, string>>
  /** All trades of all holes. */
  readonly trades: number
}

const { env, trades: allTrades } = readSetup<Setup>()
const config = loadConfig(env)
const log = createLog('error')
const { signal } = new AbortController()
const feed = createFeeds(config).feeds[0]!
const trades = feed.trades!.bind(feed)

const memory = new MemoryTier()
const { databaseUrl, dataDir, tickRetentionDays } = config
const tier = await openDatabaseTier({ databaseUrl, dataDir, tickRetentionDays, stop: undefined, log, now: Date.now })
await tier.opened
const { database } = tier
const writer = createDatabaseWriter({
  database,
  log,
  onDurable: ({ symbol }, id) => memory.stream(symbol)?.durable(id),
})
const storeChanged = () => keeper.storeChanged()
const hub = createHub({
  source: createReadSide(memory, database, { storeChanged, stored: () => writer.flush() }),
  heartbeatMs: 15_000,
})
const keeper = keepCandles({
  memory,
  latenessMs: config.latenessMs,
  onFinal: (symbol, timeframe, candle) => hub.candle(symbol, timeframe, candle),
  onClosed: () => hub.closed(),
  store: (row) => writer.candle(row),
  now: Date.now,
})
const server = createServer()
hub.attach(server, { ready: () => true })
const port = await new Promise<number>((resolve) => {
  server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
})
const { instruments } = await feed.resolve(signal)
const instrument = instruments[0]!
await database.register(instruments)
const newest = await feed.newest!(instrument, signal)
/** Each hole is of later trades than all before it: as in a stream, what is stored of it is new to the database. */
let start = newest!.id - allTrades
let hole: { readonly first: Tick; readonly last: Tick } | undefined

converse(
  {
    where: () => ({ url: `http://127.0.0.1:${port}` }),
    /** Puts the stream right before the next hole of so many trades. */
    open: async ({ trades: missing }) => {
      const [first, last] = [await tradeAt(start), await tradeAt(start + missing + 1)]
      start = last.id + MOST_BEHIND
      hole = { first, last }
      const stream = new MemoryStream(instrument)
      stream.restore([{ ...first, prev: null, backfilled: false }])
      memory.adopt(stream)
    },
    /** Fills the hole in the stream, before the trade behind it goes out; until all is stored. */
    catchUp: () => timed(inStream),
    /** Fills it behind the stream, which went on; until all is stored. */
    fillBehind: () => timed(behind),
    /** The control: fetches the trades of the hole and throws them away. */
    fetch: () =>
      timed(async () => {
        const { first, last } = hole!
        for await (const page of trades(instrument, { after: first.id }, signal, 'urgent')) {
          if (page.at(-1)!.id >= last.id - 1) break
        }
      }),
  },
  async () => {
    keeper.stop()
    await hub.close()
    server.close()
    await writer.close()
    await tier.close()
  },
)

async function timed(work: () => Promise<unknown>) {
  const before = performance.now()
  await work()
  return { seconds: (performance.now() - before) / 1_000 }
}

async function tradeAt(id: number): Promise<Tick> {
  for await (const page of trades(instrument, { after: id - 1 }, signal)) return page[0]!
  throw new Error(`the source must have trade ${id}, has not`)
}

const deliver = createDelivery({
  remember: (update) => memory.stream(update.symbol)?.append(update),
  publish: (update) => hub.publish(update),
  store: (update) => writer.tick(instrument, update),
})

async function inStream(): Promise<void> {
  const { first, last } = hole!
  const nothing = () => {}
  const onLeftOut = () => fail('a source that has every trade')
  const sequencer = new Sequencer(feed.ids === 'contiguous', {
    ...{ pass: deliver, onHole: nothing, onLeftOut, onDouble: nothing, onFull: nothing, now: Date.now },
  })
  sequencer.start(instrument.symbol, first.id)
  sequencer.release(instrument.symbol)
  sequencer.accept(last)
  const ports: CatchUpPorts = {
    ...{ feed, sequencer, holdBackMs: config.holdBackMs, backfillMax: config.backfillMax, log, now: Date.now },
    ...{ onGap: () => fail('no gap'), onLive: nothing, onWhole: nothing, isOverlapping: () => false },
    inTurn: (work) => work(),
  }
  await catchUp(instrument, ports, signal)
  await writer.flush()
  // The last page may have held more than was missing.
  if ((memory.stream(instrument.symbol)?.cursor ?? 0) < last.id) fail('the stream behind the hole')
}

async function behind(): Promise<void> {
  const { first, last } = hole!
  deliver({ ...last, prev: first.id, backfilled: false })
  const gap = { instrument, from: first.id + 1, to: last.id - 1, status: 'open', reason: undefined } as const
  memory.stream(instrument.symbol)?.sayGap(gap)
  let filled = 0
  const filler = new GapFiller(
    {
      ...{ feed, memory, backfillMax: config.backfillMax, log, stored: () => writer.flush() },
      storeLate: (of: Instrument, updates) =>
        database.write({ ticks: updates.map((update) => ({ instrument: of, update })), candles: [], gaps: [] }),
      storeCandle: (row) => writer.candle(row),
      keptSince: () => 0,
      mend: async (of, range, stop) => {
        await mendCandles(of, range, { feed, database, memory }, stop)
      },
      onRevised: (symbol, time) => hub.revise(symbol, time),
      onSettled: ({ from, to, status }) => {
        if (status === 'filled') filled += to - from + 1
      },
      backoff: { firstMs: 100, maxMs: 1_000 },
    },
    signal,
  )
  filler.add(gap)
  await filler.idle()
  await writer.flush()
  if (filled !== gap.to - gap.from + 1) fail(`all of the hole, were ${filled} trades`)
}

function fail(what: string): never {
  throw new Error(`there must be ${what}`)
}
