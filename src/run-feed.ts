import { fullJitterMs, pause } from './base/backoff.ts'
import { describeError, type GatewayError, isGatewayError } from './base/errors.ts'
import { createGate } from './base/gate.ts'
import type { Log } from './base/log.ts'
import { catchUp } from './catch-up.ts'
import type { Feed } from './feed.ts'
import { ingest } from './ingest.ts'
import type { Instrument } from './market/instrument.ts'
import { type Hole, Sequencer } from './market/sequencer.ts'
import type { Update } from './market/tick.ts'
import { type FeedStatus, supervise } from './supervise.ts'
import type { CandleRow, Database } from './tiers/database.ts'
import type { MemoryStream, MemoryTier } from './tiers/memory.ts'
import { restore, warmUp } from './warm-up.ts'

export interface RunFeedPorts {
  readonly memory: MemoryTier
  readonly database: Database
  /** Each tick in its place, in id order (see ingest.ts). */
  readonly deliver: (update: Update) => void
  readonly storeCandle: (row: CandleRow) => void
  readonly onGap: (instrument: Instrument, hole: Hole, reason: string) => void
  readonly onStatus: (status: FeedStatus) => void
  readonly onDouble: () => void
  readonly onSkipped: (error: GatewayError) => void
  readonly holdBackMs: number
  readonly backfillMax: number
  readonly log: Log
  readonly now: () => number
}

export interface RunningFeed {
  /** Every instrument that the source knows stands where its live ticks join. */
  readonly warm: Promise<void>
  /** Settles when the feed has ended: after an abort, or because the source refused. */
  readonly ended: Promise<void>
}

/** Candles asked of the source at a start, in all: many instruments get a shorter history each. */
const WARM_UP_CANDLES = 100_000
const WARM_UP_AT_ONCE = 4
const WARM_UP_RETRY = { firstMs: 250, maxMs: 10_000 }

/** Runs one feed: what is stored is read back, the source is asked what was missed, and live ticks follow. */
export function runFeed(feed: Feed, ports: RunFeedPorts, signal: AbortSignal): RunningFeed {
  const { memory, database, deliver, onGap, onDouble, onSkipped, log, now } = ports
  const depth = Math.max(100, Math.min(1_000, Math.floor(WARM_UP_CANDLES / (9 * Math.max(1, feed.symbols.length)))))
  const warm = createGate()
  let instruments: readonly Instrument[] | undefined
  let warming: Promise<void> | undefined

  const sequencer = new Sequencer(feed.contiguousIds, {
    pass: deliver,
    onDouble,
    onHole(hole) {
      const stream = memory.stream(hole.symbol)
      // While the start is still catching up, it meets the hole itself.
      if (stream === undefined || !stream.live) return
      stream.live = false
      log.warn({ feed: feed.name, ...hole }, 'the stream has a hole')
      void fillHole(stream).catch((error) => log.error({ ...hole, reason: describeError(error) }, 'filling failed'))
    },
  })
  const fillHole = ({ instrument }: MemoryStream) => {
    const onLive = () => {
      const stream = memory.stream(instrument.symbol)
      if (stream !== undefined) stream.live = true
    }
    return catchUp(instrument, { ...ports, feed, sequencer, onGap, onLive }, signal)
  }
  const warmOne = async (instrument: Instrument) => {
    const stream = memory.stream(instrument.symbol)!
    for (let attempt = 0; !signal.aborted && !stream.live; attempt++) {
      try {
        await warmUp(stream, { ...ports, feed, sequencer, store: ports.storeCandle, depth }, signal)
        await fillHole(stream)
      } catch (error) {
        if (!isGatewayError(error, 'feed_broken', 'feed_payload')) throw error
        log.warn({ feed: feed.name, symbol: instrument.symbol, reason: error.message }, 'warm-up failed')
        await pause(fullJitterMs(attempt, WARM_UP_RETRY), signal)
      }
    }
  }
  const warmAll = async (all: readonly Instrument[]) => {
    const waiting = [...all]
    const worker = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await warmOne(next)
    }
    await Promise.all(Array.from({ length: WARM_UP_AT_ONCE }, worker))
  }

  const attempt = async (connected: () => void, connection: AbortSignal) => {
    instruments ??= await resolve(feed, ports, depth, connection)
    const known = instruments
    const events = {
      connected() {
        connected()
        warming ??= warmAll(known).finally(warm.open)
      },
    }
    const sequence = sequencer.accept.bind(sequencer)
    await ingest(feed, known, { sequence, skipped: onSkipped }, events, connection)
  }

  const ended = openStored(feed, memory, database, depth)
    .then(() => supervise(feed.name, attempt, { onStatus: ports.onStatus, log, now }, signal))
    .finally(() => warming)
    .finally(warm.open)
  return { warm: warm.opened, ended }
}

/** Opens what the database knows of the configured symbols, so that it can be served before the source answers. */
async function openStored(feed: Feed, memory: MemoryTier, database: Database, depth: number): Promise<void> {
  for (const instrument of await database.instruments()) {
    const configured = feed.symbols.some(
      ({ symbol, sourceSymbol }) => symbol === instrument.symbol && sourceSymbol === instrument.sourceSymbol,
    )
    if (instrument.source === feed.name && configured) await restore(memory.open(instrument), database, depth)
  }
}

/** Asks the source for its instruments, makes them known, and says which symbols it refused. */
async function resolve(
  feed: Feed,
  { memory, database, log }: RunFeedPorts,
  depth: number,
  signal: AbortSignal,
): Promise<readonly Instrument[]> {
  const { instruments, refused } = await feed.resolve(signal)
  for (const { symbol, reason } of refused) log.error({ feed: feed.name, symbol, reason }, 'symbol refused')
  await database.register(instruments)
  for (const instrument of instruments) {
    const stream = memory.open(instrument)
    if (stream.cursor === null) await restore(stream, database, depth)
  }
  return instruments
}
