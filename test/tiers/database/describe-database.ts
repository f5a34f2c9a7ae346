import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Instrument } from '../../../src/market/instrument.ts'
import type { Update } from '../../../src/market/tick.ts'
import type { OpenDatabaseOptions } from '../../../src/tiers/database/open-database.ts'
import type { RefusedRow, SqlDatabase } from '../../../src/tiers/database/sql-database.ts'
import { batch, candle, DAY, instrument, NOON, ticks, update, updates } from '../fixtures.ts'
import { describeCoverage } from './describe-coverage.ts'
import { describeObservations } from './describe-observations.ts'

type Open = (
  options?: Pick<OpenDatabaseOptions, 'onRefused' | 'onConflict' | 'now' | 'tickRetentionDays'>,
) => Promise<SqlDatabase>

/** Of each test alone, so that the tests of a suite can share one database: two streams with the same symbols. */
let BTC: Instrument
let ETH: Instrument
let count = 0

/** What every database tier must do, whatever it runs on. `open` opens the same database each time. */
export function describeDatabase(name: string, open: Open): void {
  describe(`the database tier on ${name}`, () => {
    let database: SqlDatabase
    const reopen: Open = async (options) => {
      await database.close()
      database = await open({ now: () => NOON, ...options })
      await database.register([BTC, ETH])
      return database
    }
    beforeAll(async () => {
      database = await open({ now: () => NOON })
    })
    afterAll(() => database.close())
    beforeEach(async () => {
      count += 1
      BTC = instrument('BTC', `BTC${count}`)
      ETH = instrument('ETH', `ETH${count}`)
      await database.register([BTC, ETH])
    })
    describeTicks(() => database)
    describeRest(() => database)
    describeCoverage(
      () => database,
      () => BTC,
    )
    describeObservations(() => database)
    describeRefusals(reopen)
    describeDays(() => database)

    it('keeps everything over a restart, and finds the instruments again', async () => {
      await database.write(ticks(BTC, update(1), update(2)))
      await database.write(batch({ candles: [{ instrument: BTC, timeframe: '1m', candle: candle(NOON) }] }))
      await reopen()
      expect((await database.instruments()).slice(-2)).toEqual([BTC, ETH])
      expect(await database.candles(BTC, '1m', 10)).toEqual([candle(NOON)])
      await database.write(ticks(BTC, update(2, { price: 7 }), update(3)))
      expect((await database.ticksAfter(BTC, 0, 10)).map(({ id, price }) => [id, price])).toEqual([
        [1, 100.01],
        [2, 100.02],
        [3, 100.03],
      ])
    })

    it('says that it is closed, when it is, as something worth another try', async () => {
      await database.close()
      await database.close()
      await expect(database.gaps(BTC)).rejects.toMatchObject({ code: 'tier_unavailable' })
      await expect(database.write(ticks(BTC, update(1)))).rejects.toMatchObject({ code: 'tier_unavailable' })
      await reopen()
    })
  })
}

function describeTicks(database: () => SqlDatabase): void {
  it('gives a tick back exactly as it came, times to the millisecond', async () => {
    const odd = update(2 ** 53 - 1, {
      price: 0.1 + 0.2,
      size: undefined,
      side: undefined,
      trades: 2 ** 31 - 1,
      time: NOON + 1,
      received: NOON + 999,
      backfilled: true,
    })
    const old = update(1, { side: 'sell', size: 5e-324, price: 1.7976931348623157e308, time: 1, received: -86_399_999 })
    await database().write(ticks(BTC, old, odd))
    expect(await database().ticksAfter(BTC, 0, 10)).toEqual([old, { ...odd, prev: 1 }])
  })

  it('keeps every millisecond of a second', async () => {
    const all = Array.from({ length: 1_000 }, (_, index) =>
      update(index, { time: NOON + index, received: NOON - index }),
    )
    await database().write(ticks(BTC, ...all))
    const read = await database().ticksBefore(BTC, undefined, 1_000)
    expect(read.map(({ time, received }) => [time, received])).toEqual(
      all.map(({ time, received }) => [time, received]),
    )
  })

  it('links each tick to the stored one before it, also across the edge of a page', async () => {
    await database().write(ticks(BTC, ...[3, 5, 8, 13].map((id) => update(id))))
    const links = (rows: readonly { id: number; prev: number | null }[]) => rows.map(({ id, prev }) => [id, prev])
    expect(links(await database().ticksAfter(BTC, 3, 2))).toEqual([
      [5, 3],
      [8, 5],
    ])
    expect(links(await database().ticksBefore(BTC, 13, 2))).toEqual([
      [5, 3],
      [8, 5],
    ])
    expect(links(await database().ticksBefore(BTC, undefined, 10))[0]).toEqual([3, null])
    expect(await database().ticksAfter(BTC, 13, 10)).toEqual([])
    expect(await database().ticksAfter(ETH, 0, 10)).toEqual([])
  })

  it('stores more ticks than go over in one piece', async () => {
    const many = updates(1, 2_500)
    await database().write(ticks(BTC, ...many))
    const read = await database().ticksAfter(BTC, 0, 3_000)
    expect(read).toEqual(many.map((each, index) => ({ ...each, prev: many[index - 1]?.id ?? null })))
  })

  it('writes the same batch twice without a trace', async () => {
    const twice = ticks(BTC, ...updates(1, 50))
    await database().write(twice)
    await database().write(twice)
    expect(await database().ticksAfter(BTC, 0, 100)).toHaveLength(50)
  })

  it('keeps the first content of an id, in one batch and across batches, also when the times differ', async () => {
    await database().write(ticks(BTC, update(1, { price: 10 }), update(1, { price: 11 }), update(2, { price: 20 })))
    await database().write(ticks(BTC, update(1, { price: 12, time: NOON + DAY }), update(2, { price: 21 }), update(3)))
    const read = await database().ticksAfter(BTC, 0, 10)
    expect(read.map(({ id, price }) => [id, price])).toEqual([
      [1, 10],
      [2, 20],
      [3, 100.03],
    ])
  })

  it('takes ids that come late into the stream', async () => {
    await database().write(ticks(BTC, update(10), update(20)))
    await database().write(ticks(BTC, update(15, { backfilled: true }), update(21)))
    const read = await database().ticksAfter(BTC, 10, 10)
    expect(read.map(({ id, prev, backfilled }) => [id, prev, backfilled])).toEqual([
      [15, 10, true],
      [20, 15, false],
      [21, 20, false],
    ])
  })

  it('keeps instruments apart in one batch, in whatever order they come', async () => {
    const mixed = updates(1, 6).map((each) => ({ instrument: each.id % 2 ? BTC : ETH, update: each }))
    await database().write(batch({ ticks: mixed }))
    expect((await database().ticksAfter(ETH, 0, 10)).map(({ id, symbol }) => [id, symbol])).toEqual([
      [2, 'ETH'],
      [4, 'ETH'],
      [6, 'ETH'],
    ])
    expect((await database().ticksBefore(BTC, undefined, 1)).map(({ id }) => id)).toEqual([5])
  })

  it('has no ticks before the first one, and refuses an instrument nobody registered', async () => {
    expect(await database().ticksBefore(BTC, undefined, 1)).toEqual([])
    const unknown = database().ticksBefore({ ...BTC, sourceSymbol: 'BTCUSDC' }, undefined, 1)
    await expect(unknown).rejects.toMatchObject({ code: 'internal' })
  })
}

function describeRest(database: () => SqlDatabase): void {
  const store = (...candles: readonly ReturnType<typeof candle>[]) =>
    database().write(batch({ candles: candles.map((each) => ({ instrument: BTC, timeframe: '1m', candle: each })) }))

  it('replaces a candle by a later state of it only', async () => {
    const open = candle(NOON, { lastId: 5 })
    await store(open)
    await store(candle(NOON, { lastId: 4, close: 9 }))
    await store(candle(NOON, { lastId: null, close: 9 }))
    expect(await database().candles(BTC, '1m', 1)).toEqual([open])
    await store(candle(NOON, { lastId: 5, final: true }))
    await store(candle(NOON, { lastId: 5, final: false }))
    expect(await database().candles(BTC, '1m', 1)).toEqual([candle(NOON, { lastId: 5, final: true })])
    const revised = candle(NOON, { revision: 1, lastId: null, firstId: null, final: true, volume: 12.000000001 })
    await store(revised)
    await store(candle(NOON, { revision: 0, lastId: 99, final: true }))
    expect(await database().candles(BTC, '1m', 1)).toEqual([revised])
  })

  it('replaces an open candle when a trade before its last one was found late', async () => {
    await store(candle(NOON, { lastId: 5, trades: 3 }))
    const later = candle(NOON, { lastId: 5, trades: 4, volume: 11 })
    await store(later)
    await store(candle(NOON, { lastId: 5, trades: 3 }))
    expect(await database().candles(BTC, '1m', 1)).toEqual([later])
  })

  it('replaces what was folded until a stop by the whole candle of the source, and not the other way', async () => {
    const whole = candle(NOON, { firstId: null, lastId: null, final: true, trades: 900 })
    await store(candle(NOON, { lastId: 500 }))
    await store(whole)
    expect(await database().candles(BTC, '1m', 1)).toEqual([whole])
    await store(candle(NOON, { lastId: 700 }))
    expect(await database().candles(BTC, '1m', 1)).toEqual([whole])
    const closed = candle(NOON, { lastId: 700, final: true })
    await store(closed)
    await store(candle(NOON, { lastId: 600, final: true }))
    await store(whole)
    expect(await database().candles(BTC, '1m', 1)).toEqual([closed])
  })

  it('stores more candles of one instrument than one statement takes', async () => {
    const seconds = Array.from({ length: 10_001 }, (_, index) => candle(NOON + index * 1_000))
    await store(...seconds)
    const read = await database().candles(BTC, '1m', 20_000)
    expect(read.map(({ time }) => time)).toEqual(seconds.map(({ time }) => time))
  })

  it('reads the newest candles of one timeframe, ascending', async () => {
    await store(...[3, 1, 2, 0].map((minute) => candle(NOON + minute * 60_000)))
    await database().write(batch({ candles: [{ instrument: BTC, timeframe: '1h', candle: candle(NOON) }] }))
    const read = await database().candles(BTC, '1m', 3)
    expect(read.map(({ time }) => (time - NOON) / 60_000)).toEqual([1, 2, 3])
    expect(await database().candles(BTC, '1h', 3)).toHaveLength(1)
    expect(await database().candles(ETH, '1m', 3)).toEqual([])
  })

  it('reads the candles before a moment: the newest of them, ascending, without the one that begins there', async () => {
    await store(...[0, 1, 2, 4, 5].map((minute) => candle(NOON + minute * 60_000)))
    const minutes = async (before: number, limit: number) =>
      (await database().candlesBefore(BTC, '1m', before, limit)).map(({ time }) => (time - NOON) / 60_000)
    expect(await minutes(NOON + 4 * 60_000, 2)).toEqual([1, 2])
    expect(await minutes(NOON + 4 * 60_000 + 1, 2)).toEqual([2, 4])
    expect(await minutes(NOON, 2)).toEqual([])
  })

  it('keeps the newest word on each gap', async () => {
    const gap = { instrument: BTC, from: 5, to: 9, status: 'open', reason: undefined } as const
    await database().write(batch({ gaps: [gap, { ...gap, from: 20, to: 20 }, { ...gap, reason: 'banned' }] }))
    expect(await database().gaps(BTC)).toEqual([
      { ...gap, reason: 'banned' },
      { ...gap, from: 20, to: 20 },
    ])
    await database().write(batch({ gaps: [{ ...gap, status: 'filled' }] }))
    expect((await database().gaps(BTC))[0]).toEqual({ ...gap, status: 'filled' })
  })

  it('keeps an instrument that is registered again, with what is new about it', async () => {
    await database().write(ticks(BTC, update(1)))
    await database().register([{ ...BTC, symbol: 'XBT', priceDigits: 4 }, ETH, ETH])
    expect((await database().instruments()).slice(-2)).toEqual([{ ...BTC, symbol: 'XBT', priceDigits: 4 }, ETH])
    expect((await database().ticksAfter({ ...BTC, symbol: 'XBT' }, 0, 1))[0]).toMatchObject({ id: 1, symbol: 'XBT' })
  })
}

function describeRefusals(reopen: Open): void {
  const YEAR_BEFORE_ALL_YEARS = -8.64e15

  it('stores a batch without the rows that are to blame, and says which they are', async () => {
    const refused: string[] = []
    const database = await reopen({ onRefused: (row) => refused.push('update' in row ? `${row.update.id}` : 'other') })
    const bad = [update(7, { time: YEAR_BEFORE_ALL_YEARS }), update(13, { price: Number.NaN }), update(14, { id: 1.5 })]
    const good = [...updates(1, 6), ...updates(8, 12)]
    const candles = [
      { instrument: BTC, timeframe: '1m', candle: candle(NOON) },
      { instrument: BTC, timeframe: '5m', candle: candle(NOON, { trades: 1.5 }) },
    ] as const
    await database.write(batch({ ...ticks(BTC, ...good, ...bad), candles }))
    expect(refused.toSorted()).toEqual(['1.5', '13', '7', 'other'])
    expect((await database.ticksAfter(BTC, 0, 50)).map(({ id }) => id)).toEqual(good.map(({ id }) => id))
    expect(await database.candles(BTC, '1m', 5)).toHaveLength(1)
  })

  it('tells of an id that comes again with another content, and not of one that comes again as it was', async () => {
    const conflicts: unknown[] = []
    const onConflict = (row: RefusedRow, reason: string) => conflicts.push(['update' in row && row.update.id, reason])
    const database = await reopen({ onConflict })
    await database.write(ticks(BTC, update(1), update(2), update(3, { size: undefined, side: undefined })))
    const again = update(1, { received: NOON + 99, backfilled: true })
    await database.write(
      ticks(BTC, again, update(2, { price: 7 }), update(3, { size: undefined, side: undefined }), update(4)),
    )
    expect(conflicts).toEqual([[2, expect.stringContaining('another content: {"time":1795348800002,"price":100.02')]])
    expect((await database.ticksAfter(BTC, 0, 9)).map(({ price }) => price)).toEqual([100.01, 100.02, 100.03, 100.04])
  })

  it('tells who writes a batch which of its ticks are not stored, whoever else listens', async () => {
    const database = await reopen({ onRefused: () => {}, onConflict: () => {} })
    await database.write(ticks(BTC, update(1), update(2)))
    const refused: number[] = []
    const onRefused = ({ id }: Update) => refused.push(id)
    const wrong = [update(2, { price: 7 }), update(3, { time: YEAR_BEFORE_ALL_YEARS })]
    await database.write({ ...ticks(BTC, update(1), ...wrong, update(4)), onRefused })
    expect(refused.toSorted()).toEqual([2, 3])
  })

  it('throws row_refused after storing the rest, unless somebody listens', async () => {
    const database = await reopen()
    await expect(
      database.write(ticks(BTC, update(1), update(2, { time: YEAR_BEFORE_ALL_YEARS }))),
    ).rejects.toMatchObject({
      code: 'row_refused',
    })
    expect((await database.ticksAfter(BTC, 0, 9)).map(({ id }) => id)).toEqual([1])
  })
}

function describeDays(database: () => SqlDatabase): void {
  const ids = async () => (await database().ticksAfter(BTC, 0, 100)).map(({ id }) => id)

  it('reads one stream across days, with and without a partition of their own', async () => {
    const far = [-400, -1, 0, 1, 400].map((days, index) => update(index + 1, { time: NOON + days * DAY }))
    await database().write(ticks(BTC, ...far))
    expect(await ids()).toEqual([1, 2, 3, 4, 5])
    expect((await database().ticksBefore(BTC, 4, 2)).map(({ id, prev }) => [id, prev])).toEqual([
      [2, 1],
      [3, 2],
    ])
  })

  it('makes the partition of a day whose ticks came before it, twice without harm', async () => {
    await database().write(ticks(BTC, update(1, { time: NOON + 5 * DAY }), update(2, { time: NOON })))
    await database().maintain(NOON + 5 * DAY)
    await database().maintain(NOON + 5 * DAY)
    await database().write(ticks(BTC, update(1, { price: 1 }), update(3, { time: NOON + 5 * DAY })))
    expect(await ids()).toEqual([1, 2, 3])
  })

  it('drops ticks and short candles past their days, and long candles never', async () => {
    const rows = (['1s', '1m', '1h'] as const).map((timeframe) => ({
      instrument: BTC,
      timeframe,
      candle: candle(NOON),
    }))
    const days = [-1, 0, 3].map((offset, index) => update(index + 1, { time: NOON + offset * DAY }))
    await database().write(batch({ ...ticks(BTC, ...days), candles: rows }))
    const stored = async () =>
      Promise.all(rows.map(async (row) => (await database().candles(BTC, row.timeframe, 9)).length))
    await database().maintain(NOON + 7 * DAY)
    expect(await ids()).toEqual([2, 3])
    expect(await stored()).toEqual([0, 1, 1])
    await database().maintain(NOON + 91 * DAY)
    expect(await ids()).toEqual([])
    expect(await stored()).toEqual([0, 0, 1])
  })
}
