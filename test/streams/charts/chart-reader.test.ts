import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/base/errors.ts'
import { createGate } from '../../../src/base/gate.ts'
import { type Candle, toOhlcvRow } from '../../../src/market/candle.ts'
import { bucketStart, TIMEFRAME_MS, TIMEFRAMES, type Timeframe } from '../../../src/market/timeframe.ts'
import { ChartReader } from '../../../src/streams/charts/chart-reader.ts'
import type { ReadCandles } from '../../../src/streams/charts/read-candles.ts'
import { MemoryStream } from '../../../src/tiers/memory/memory.ts'
import { BTC, ExchangeFeed } from '../../fakes/exchange-feed.ts'
import { runAndStop, type Side, startSide } from '../../fakes/ingest-side.ts'
import { createLogRecorder } from '../../fakes/log-recorder.ts'
import { MemoryDatabase } from '../../fakes/memory-database.ts'

const START = Date.UTC(2026, 8, 1, 7, 13)
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Its limit counts quiet buckets too, as Binance's does: it answers with no older ones in their stead. */
class BucketExchange extends ExchangeFeed {
  override async candles(...[instrument, timeframe, range]: Parameters<ExchangeFeed['candles']>) {
    const { before = this.time + 1, limit } = range ?? { limit: 1_000 }
    const from = bucketStart(timeframe, before - 1) - (limit - 1) * TIMEFRAME_MS[timeframe]
    return (await super.candles(instrument, timeframe, { before, limit })).filter(({ time }) => time >= from)
  }
}

/** Trades at odd distances, so that buckets without one lie everywhere. */
function tradeOn(feed: ExchangeFeed, trades: number, meanMs: number): void {
  for (let count = 0; count < trades; count++) feed.trade(1 + ((count * 7_919) % 23) * Math.round(meanMs / 11))
}

/** An exchange that began in September and trades now, and a gateway that was installed today. */
async function installed(trades = 1_500, meanMs = 40 * MINUTE) {
  const feed = new BucketExchange(START)
  tradeOn(feed, trades, meanMs)
  const database = new MemoryDatabase()
  const side = startSide(feed, database)
  await side.caughtUp()
  await side.storeCandles()
  return { feed, database, side, ...readerOf(feed, database, side) }
}

function readerOf(feed: ExchangeFeed, database: MemoryDatabase, side: Side, waitMs = 3_000) {
  const asked: string[] = []
  const log = createLogRecorder()
  const counting = {
    name: 'exchange',
    candles: (...parts: Parameters<ExchangeFeed['candles']>) => {
      asked.push(`${parts[1]} before ${parts[2]?.before}`)
      return feed.candles(...parts)
    },
  }
  const reader = new ChartReader({ database, feedOf: () => counting, log, now: () => feed.time, waitMs })
  return { reader, asked, stream: () => side.memory.stream('BTC')! }
}

type Installed = Awaited<ReturnType<typeof installed>>

const rows = (candles: readonly Candle[]) => candles.map((candle) => [...toOhlcvRow(candle), candle.trades])

/** The exchange's own candles. */
async function theirs(feed: ExchangeFeed, timeframe: Timeframe): Promise<readonly Candle[]> {
  return feed.candles(BTC, timeframe, { limit: 1_000_000_000 })
}

/** Page after page to the end; every answer must be whole. */
async function walk(ask: (next: number | undefined) => Promise<ReadCandles>, older: boolean) {
  const all: Candle[] = []
  let next: number | null | undefined
  for (let pages = 0; next !== null; pages++) {
    if (pages > 1_000) throw new Error('walked for ever')
    const answer = await ask(next)
    expect(answer.isWhole).toBe(true)
    if (older) all.unshift(...answer.candles)
    else all.push(...answer.candles)
    next = answer.next
  }
  return all
}

const FOREVER = { from: 0, to: Number.POSITIVE_INFINITY }

describe('the chart of a new installation', () => {
  it('goes back to the first trade in every timeframe, in either direction, without a hole or a double', async () => {
    const { feed, reader, stream } = await installed()
    for (const timeframe of TIMEFRAMES.filter((each) => each !== '1s')) {
      const wanted = rows(await theirs(feed, timeframe))
      const back = await walk((before) => reader.newest(stream(), timeframe, before ?? undefined, 333), true)
      expect(rows(back), timeframe).toEqual(wanted)
      const range = (from: number | undefined) => ({ ...FOREVER, from: from ?? 0 })
      const forth = await walk((from) => reader.from(stream(), timeframe, range(from), 333), false)
      expect(rows(forth), timeframe).toEqual(wanted)
    }
  })

  it('gives the seconds of the last hour and of long ago alike', async () => {
    const { feed, reader, stream } = await installed(1_500, 2 * MINUTE)
    const wanted = rows(await theirs(feed, '1s'))
    const back = await walk((before) => reader.newest(stream(), '1s', before ?? undefined, 300), true)
    expect(rows(back)).toEqual(wanted)
  })

  it('says of a deep history whether there is more than it found, where few buckets had trades', async () => {
    const { reader, stream, feed } = await installed(1_500, 2 * MINUTE)
    const before = stream().history.window('1s').heldSince
    const all = (await theirs(feed, '1s')).filter(({ time }) => time < before)
    const some = await reader.older(stream(), '1s', before, 400)
    expect(some).toMatchObject({ isWhole: true, hasOlder: true })
    expect(rows(some.candles)).toEqual(rows(all.slice(-some.candles.length)))
    const rest = await reader.older(stream(), '1W', stream().history.window('1W').heldSince, 400)
    expect(rest.hasOlder ?? false).toBe(false)
  })

  it('is the same for any range and limit, whatever was asked before, while trades come in', async () => {
    const { feed, reader, stream, side } = await installed(800)
    const ask = fc.record({
      timeframe: fc.constantFrom<Timeframe>('1m', '5m', '15m', '1h', '4h', '1D', '1W'),
      from: fc.option(fc.integer({ min: -5 * DAY, max: 40 * DAY })),
      length: fc.option(fc.integer({ min: 0, max: 20 * DAY })),
      limit: fc.integer({ min: 1, max: 400 }),
      trades: fc.integer({ min: 0, max: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(ask, async ({ timeframe, from, length, limit, trades }) => {
        tradeOn(feed, trades, MINUTE)
        await side.caughtUp()
        const begin = START + (from ?? 0)
        const to = length === null ? undefined : begin + length
        const all = await theirs(feed, timeframe)
        const range = { from: from === null ? 0 : begin, to: to ?? Number.POSITIVE_INFINITY }
        const inRange = all.filter(({ time }) => time >= range.from && time < range.to)
        const answer =
          from === null
            ? await reader.newest(stream(), timeframe, to, limit)
            : await reader.from(stream(), timeframe, range, limit)
        expect(answer.isWhole).toBe(true)
        const got = rows(answer.candles)
        if (from === null) expect(got).toEqual(rows(inRange.slice(inRange.length - got.length)))
        else expect(got).toEqual(rows(inRange.slice(0, got.length)))
        if (got.length < Math.min(limit, inRange.length)) expect(answer.next).not.toBeNull()
        if (answer.next === null) expect(got.length).toBe(Math.min(limit, inRange.length))
      }),
      { numRuns: 150 },
    )
  })

  it('asks the source nothing a second time, neither in this run nor in the next', async () => {
    const { feed, database, side, reader, stream, asked } = await installed()
    const readAll = (one: ChartReader, of: Installed['stream']) =>
      walk((before) => one.newest(of(), '15m', before ?? undefined, 400), true)
    const first = await readAll(reader, stream)
    expect(asked.length).toBeGreaterThan(2)
    asked.splice(0)
    expect(await readAll(reader, stream)).toEqual(first)
    expect(asked).toEqual([])
    await side.storeCandles()
    await side.stop()

    const again = startSide(feed, database)
    await again.caughtUp()
    const next = readerOf(feed, database, again)
    expect(rows(await readAll(next.reader, next.stream))).toEqual(rows(first))
    // The last run's own candles were not asked for; the rest was.
    expect(next.asked.length).toBeLessThanOrEqual(3)
    next.asked.splice(0)
    await readAll(next.reader, next.stream)
    expect(next.asked).toEqual([])
  })

  it('has no hole between what was stored in two runs', async () => {
    const feed = new BucketExchange(START)
    const database = new MemoryDatabase()
    tradeOn(feed, 300, 5 * MINUTE)
    await runAndStop(feed, database)
    tradeOn(feed, 1_200, 30 * MINUTE)
    const side = startSide(feed, database)
    await side.caughtUp()
    const { reader, stream } = readerOf(feed, database, side)
    const back = await walk((before) => reader.newest(stream(), '5m', before ?? undefined, 500), true)
    expect(rows(back)).toEqual(rows(await theirs(feed, '5m')))
  })

  it('asks one question for all who want the same', async () => {
    const { reader, stream, asked, feed } = await installed()
    const gate = createGate()
    feed.beforeAnswer = () => gate.opened
    const before = START + 20 * DAY
    const answers = Array.from({ length: 50 }, () => reader.newest(stream(), '5m', before, 100))
    await expect.poll(() => asked.length).toBeGreaterThan(0)
    gate.open()
    const [first, ...others] = await Promise.all(answers)
    for (const other of others) expect(other).toEqual(first)
    expect(asked.length).toBeGreaterThan(2)
    expect(new Set(asked).size).toBe(asked.length)
  })
})

describe('a source that does not answer', () => {
  it('leaves what is stored, says that it may not be all, and is asked again later', async () => {
    const { feed, database, reader, stream, asked } = await installed()
    const before = START + 20 * DAY
    const some = (await theirs(feed, '5m')).filter(({ time }) => time > START + 19 * DAY && time < START + 19.5 * DAY)
    await database.write({
      ticks: [],
      candles: some.map((candle) => ({ instrument: BTC, timeframe: '5m', candle })),
      gaps: [],
    })
    feed.beforeAnswer = () => {
      throw new GatewayError('feed_broken', 'banned')
    }
    const answer = await reader.newest(stream(), '5m', before, 500)
    expect(answer).toMatchObject({ isWhole: false, tier: 'database' })
    expect(rows(answer.candles)).toEqual(rows(some))
    const questions = asked.length
    await reader.newest(stream(), '5m', before, 500)
    expect(asked.length).toBe(questions)

    feed.beforeAnswer = () => {}
    feed.trade(6_000)
    const whole = await reader.newest(stream(), '5m', before, 500)
    expect(whole.isWhole).toBe(true)
    expect(rows(whole.candles)).toEqual(
      rows((await theirs(feed, '5m')).filter(({ time }) => time < before).slice(-500)),
    )
  })

  it('is asked for nothing from before 1970, and nobody is sent there', async () => {
    const { feed, reader, stream, asked } = await installed()
    feed.beforeAnswer = () => {
      throw new GatewayError('feed_broken', 'banned')
    }
    for (const [before, isWhole] of [
      [undefined, false],
      [DAY, false],
      [0, true],
    ] as const) {
      expect(await reader.newest(stream(), '1W', before, 5_000)).toMatchObject({ isWhole, next: null })
      feed.time += 6_000
    }
    expect(asked.every((question) => Number(question.split(' before ')[1]) > 0)).toBe(true)
  })

  it('is waited for no longer than agreed; what it says later is kept', async () => {
    const { feed, database, side } = await installed()
    const { reader, stream, asked } = readerOf(feed, database, side, 20)
    const gate = createGate()
    feed.beforeAnswer = () => gate.opened
    const began = performance.now()
    const answer = await reader.newest(stream(), '5m', START + 20 * DAY, 100)
    expect(answer).toMatchObject({ isWhole: false, candles: [] })
    expect(performance.now() - began).toBeLessThan(1_000)
    gate.open()
    await expect.poll(() => database.covered.get('1W')).toBeDefined()
    feed.trade(6_000)
    const [first] = asked.splice(0)
    expect((await reader.newest(stream(), '5m', START + 20 * DAY, 100)).isWhole).toBe(true)
    expect(asked).not.toContain(first)
  })
})

describe('a stream that memory has nothing of yet', () => {
  it('is read without the candle that is still open, which is not stored, nor taken for known', async () => {
    const feed = new BucketExchange(START)
    tradeOn(feed, 50, 40 * MINUTE)
    const database = new MemoryDatabase()
    const stream = new MemoryStream(BTC)
    const reader = new ChartReader({ database, feedOf: () => feed, log: createLogRecorder(), now: () => feed.time })
    const early = await reader.newest(stream, '4h', undefined, 100)
    const open = (await theirs(feed, '4h')).at(-1)!
    expect(open.final).toBe(false)
    expect(early.isWhole).toBe(false)
    expect(early.candles.at(-1)!.time).toBeLessThan(open.time)
    expect(database.covered.get('4h')!.every(({ to }) => to <= open.time)).toBe(true)

    tradeOn(feed, 30, 40 * MINUTE)
    const later = await reader.newest(stream, '4h', undefined, 100)
    expect(rows(later.candles)).toEqual(rows((await theirs(feed, '4h')).filter(({ final }) => final)))
  })
})

describe('candles that are not kept', () => {
  it('are read from the source, not stored, and kept at hand', async () => {
    const feed = new BucketExchange(START)
    tradeOn(feed, 500, 10 * MINUTE)
    feed.time += 95 * DAY
    tradeOn(feed, 50, MINUTE)
    const database = new MemoryDatabase()
    const side = startSide(feed, database)
    await side.caughtUp()
    const { reader, stream, asked } = readerOf(feed, database, side)
    const ask = () => reader.newest(stream(), '1m', START + DAY, 100)
    const answer = await ask()
    const wanted = (await theirs(feed, '1m')).filter(({ time }) => time < START + DAY).slice(-100)
    expect(rows(answer.candles)).toEqual(rows(wanted))
    expect(answer).toMatchObject({ isWhole: true, tier: 'database' })
    expect((await database.candles(BTC, '1m', 10_000)).every(({ time }) => time > feed.time - 91 * DAY)).toBe(true)
    asked.splice(0)
    expect(await ask()).toMatchObject({ tier: 'memory', candles: answer.candles })
    expect(asked).toEqual([])
  })

  it('are asked for again where they were stored once and their days have passed', async () => {
    const { feed, database, reader, stream, asked } = await installed()
    const before = START + 10 * DAY
    const first = await reader.newest(stream(), '1m', before, 50)
    feed.time += 85 * DAY
    feed.trade()
    const old = feed.time - 90 * DAY
    for (const time of database.rows.get('1m')!.keys()) if (time < old) database.rows.get('1m')!.delete(time)
    asked.splice(0)
    expect(rows((await reader.newest(stream(), '1m', before, 50)).candles)).toEqual(rows(first.candles))
    expect(asked.join()).toContain('1m')
  })
})

describe('a database that is away', () => {
  it('keeps nobody from the source', async () => {
    const { feed, database, reader, stream } = await installed()
    const away = async () => {
      throw new GatewayError('tier_unavailable', 'away')
    }
    Object.assign(database, { candlesIn: away, coverage: away, cover: away, candlesBefore: away })
    const before = START + 20 * DAY
    const answer = await reader.newest(stream(), '5m', before, 100)
    expect(answer.isWhole).toBe(true)
    expect(rows(answer.candles)).toEqual(
      rows((await theirs(feed, '5m')).filter(({ time }) => time < before).slice(-100)),
    )
    const newest = await reader.newest(stream(), '5m', undefined, 1_000)
    expect(rows(newest.candles)).toEqual(rows((await theirs(feed, '5m')).slice(-newest.candles.length)))
  })
})
