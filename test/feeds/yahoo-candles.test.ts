import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { composeCandles } from '../../feeds/yahoo-candles.ts'
import { asPrinted, readChart } from '../../feeds/yahoo-rows.ts'
import { calendarOf } from '../../src/market/calendar.ts'
import type { Timeframe } from '../../src/market/timeframe.ts'
import { type ChartRow, chartOf } from '../fakes/yahoo-source.ts'

const MINUTE = 60_000
const NEW_YORK = calendarOf({ about: { timeZone: 'America/New_York' } })
const at = (text: string) => Date.parse(text) / 1_000
const period = (start: string, end: string) => ({
  currentTradingPeriod: { regular: { start: at(start), end: at(end) } },
})

/** The candles of rows, as `[time, open, high, low, close, volume]`. */
function candles(
  rows: readonly ChartRow[],
  timeframe: Timeframe,
  {
    length,
    meta = {},
    over = Number.POSITIVE_INFINITY,
    calendar = NEW_YORK,
  }: {
    readonly length: number | '1D'
    readonly meta?: Readonly<Record<string, unknown>>
    readonly over?: number
    readonly calendar?: typeof NEW_YORK
  },
) {
  const read = readChart((chartOf(rows, meta) as { chart: { result: unknown[] } }).chart.result[0])
  return composeCandles(read, length, timeframe, calendar, (end) => end <= over)
}

const ohlcv = (made: ReturnType<typeof candles>) =>
  made.map(({ time, open, high, low, close, volume }) => [
    new Date(time).toISOString().slice(0, 16),
    open,
    high,
    low,
    close,
    volume,
  ])

describe('rows of days', () => {
  test('are candles of exchange days, named by 00:00 UTC of their dates, over a change of clocks', () => {
    const rows: ChartRow[] = [
      [at('2024-03-08T14:30:00Z'), 1, 4, 1, 2, 10],
      [at('2024-03-11T13:30:00Z'), 2, 3, 2, 3, 20],
      [at('2024-03-12T13:30:00Z'), 3, 5, 3, 4, 30],
    ]
    expect(ohlcv(candles(rows, '1D', { length: '1D' }))).toEqual([
      ['2024-03-08T00:00', 1, 4, 1, 2, 10],
      ['2024-03-11T00:00', 2, 3, 2, 3, 20],
      ['2024-03-12T00:00', 3, 5, 3, 4, 30],
    ])
    expect(ohlcv(candles(rows, '1W', { length: '1D' }))).toEqual([
      ['2024-03-04T00:00', 1, 4, 1, 2, 10],
      ['2024-03-11T00:00', 2, 5, 2, 4, 50],
    ])
  })

  test('a live row beside the day of it says the same again, or goes on', () => {
    const rows: ChartRow[] = [
      [at('2024-03-12T13:30:00Z'), 3, 5, 3, 4, 30],
      [at('2024-03-12T17:12:08Z'), 3, 6, 3, 5, 33],
    ]
    expect(ohlcv(candles(rows, '1D', { length: '1D' }))).toEqual([['2024-03-12T00:00', 3, 6, 3, 5, 33]])
    const alone = candles(rows.slice(1), '1D', { length: '1D' })
    expect(ohlcv(alone)).toEqual([['2024-03-12T00:00', 3, 6, 3, 5, 33]])
  })

  test('events are no prices: rows at their times without one make no candle, and doubles make one', () => {
    const rows: ChartRow[] = [
      [at('2024-03-11T13:30:00Z'), 2, 3, 2, 3, 20],
      [at('2024-03-12T13:30:00Z'), null, null, null, null, null],
      [at('2024-03-12T13:30:00Z'), 3, 5, 3, 4, 30],
      [at('2024-03-12T13:30:00Z'), 3, 5, 3, 4, 30],
      [at('2024-03-13T13:30:00Z'), null, null, null, null, 0],
    ]
    const made = candles(rows, '1D', { length: '1D' })
    expect(ohlcv(made)).toEqual([
      ['2024-03-11T00:00', 2, 3, 2, 3, 20],
      ['2024-03-12T00:00', 3, 5, 3, 4, 30],
    ])
  })

  test('are final when their day is over where the exchange is', () => {
    const rows: ChartRow[] = [
      [at('2024-03-11T13:30:00Z'), 2, 3, 2, 3, 20],
      [at('2024-03-12T13:30:00Z'), 3, 5, 3, 4, 30],
    ]
    const final = (text: string) =>
      candles(rows, '1D', { length: '1D', over: Date.parse(text) }).map((row) => row.final)
    expect(final('2024-03-12T03:59:59Z')).toEqual([false, false])
    expect(final('2024-03-12T04:00:00Z')).toEqual([true, false])
    expect(final('2024-03-13T04:00:00Z')).toEqual([true, true])
  })
})

describe('rows of a session', () => {
  const open = period('2024-03-12T13:30:00Z', '2024-03-12T20:00:00Z')

  test('half hours are hours of UTC, the first and last of which are halves', () => {
    const rows: ChartRow[] = [
      [at('2024-03-11T19:30:00Z'), 9, 9, 8, 8, 5],
      [at('2024-03-12T13:30:00Z'), 1, 4, 1, 2, 10],
      [at('2024-03-12T14:00:00Z'), 2, 3, 2, 3, 20],
      [at('2024-03-12T14:30:00Z'), 3, 5, 3, 4, 30],
    ]
    expect(ohlcv(candles(rows, '1h', { length: 30 * MINUTE, meta: open }))).toEqual([
      ['2024-03-11T19:00', 9, 9, 8, 8, 5],
      ['2024-03-12T13:00', 1, 4, 1, 2, 10],
      ['2024-03-12T14:00', 2, 5, 2, 4, 50],
    ])
    expect(ohlcv(candles(rows, '4h', { length: 30 * MINUTE, meta: open }))).toEqual([
      ['2024-03-11T16:00', 9, 9, 8, 8, 5],
      ['2024-03-12T12:00', 1, 5, 1, 4, 60],
    ])
  })

  test('the live row belongs to the interval that runs, or begins it', () => {
    const rows: ChartRow[] = [
      [at('2024-03-12T14:00:00Z'), 2, 3, 2, 3, 20],
      [at('2024-03-12T14:05:00Z'), 3, 3, 3, 3, 7],
      [at('2024-03-12T14:07:11Z'), 4, 4, 4, 4, 0],
    ]
    expect(ohlcv(candles(rows, '5m', { length: 5 * MINUTE, meta: open }))).toEqual([
      ['2024-03-12T14:00', 2, 3, 2, 3, 20],
      ['2024-03-12T14:05', 3, 4, 3, 4, 7],
    ])
    expect(ohlcv(candles(rows.toSpliced(1, 1), '5m', { length: 5 * MINUTE, meta: open }))).toEqual([
      ['2024-03-12T14:00', 2, 3, 2, 3, 20],
      ['2024-03-12T14:05', 4, 4, 4, 4, 0],
    ])
  })

  test('the closing price after the session is in no candle, on that day and on the next', () => {
    const last: ChartRow = [at('2024-03-12T19:55:00Z'), 2, 3, 2, 3, 20]
    const next = period('2024-03-13T13:30:00Z', '2024-03-13T20:00:00Z')
    for (const time of ['2024-03-12T20:00:00Z', '2024-03-12T20:00:02Z']) {
      const made = candles([last, [at(time), 3, 3, 3, 3, 0]], '5m', { length: 5 * MINUTE, meta: open })
      expect(ohlcv(made)).toEqual([['2024-03-12T19:55', 2, 3, 2, 3, 20]])
    }
    const made = candles([last, [at('2024-03-12T20:00:02Z'), 3, 3, 3, 3, 0]], '5m', { length: 5 * MINUTE, meta: next })
    expect(ohlcv(made)).toEqual([['2024-03-12T19:55', 2, 3, 2, 3, 20]])
  })

  test('minutes without a trade have no candle, be they told as nulls or as the last price', () => {
    const rows: ChartRow[] = [
      [at('2024-03-12T14:00:00Z'), 2, 3, 2, 3, 20],
      [at('2024-03-12T14:01:00Z'), null, null, null, null, null],
      [at('2024-03-12T14:02:00Z'), 3, 3, 3, 3, 0],
      [at('2024-03-12T14:03:00Z'), 3, 4, 3, 4, 0],
      [at('2024-03-12T14:04:00Z'), 4, 4, 4, 4, 1],
    ]
    const times = candles(rows, '1m', { length: MINUTE, meta: open }).map(({ time }) => new Date(time).getUTCMinutes())
    expect(times).toEqual([0, 3, 4])
  })

  test('what never has a volume keeps its rows', () => {
    const rows: ChartRow[] = [14, 15, 16].map((hour) => [at(`2024-03-12T${hour}:00:00Z`), 1.1, 1.1, 1.1, 1.1, 0])
    expect(candles(rows, '1m', { length: MINUTE })).toHaveLength(3)
    const funds: ChartRow[] = [11, 12].map((day) => [at(`2024-03-${day}T13:30:00Z`), 7, 7, 7, 7, null])
    expect(candles(funds, '1D', { length: '1D' })).toHaveLength(2)
  })
})

describe('a row', () => {
  test('that is odd is left out, and one that closes outside of its range widens it', () => {
    const rows: ChartRow[] = [
      [at('2024-03-11T13:30:00Z'), 0, 3, 2, 3, 20],
      [at('2024-03-12T13:30:00Z'), 2, 3, 2, 3.5, -7],
      [Number.NaN, 2, 3, 2, 3, 20],
      [at('2024-03-13T13:30:00Z'), 2, 3, null, 3, 20],
      [at('2024-03-14T13:30:00Z'), 2, Number.POSITIVE_INFINITY, 2, 3, 20],
    ]
    expect(ohlcv(candles(rows, '1D', { length: '1D' }))).toEqual([['2024-03-12T00:00', 2, 3.5, 2, 3.5, 0]])
  })

  test('has the price that was printed, not its nearest 32-bit float', () => {
    expect([74.05999755859375, 0.1283479928970337, 94.90049743652344, 151, 28.5, 128.135].map(asPrinted)).toEqual([
      74.06, 0.128348, 94.9005, 151, 28.5, 128.135,
    ])
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9_999_999 }), fc.integer({ min: 0, max: 4 }), (units, digits) => {
        const printed = units / 10 ** digits
        expect(asPrinted(Math.fround(printed))).toBe(printed)
      }),
    )
  })

  test.each([[null], [{}], [{ indicators: {} }], [{ indicators: { quote: [] }, timestamp: 'x' }]])(
    'of something else is no chart: %j',
    (chart) => expect(() => readChart(chart)).toThrow(expect.objectContaining({ code: 'feed_broken' })),
  )
})

describe('any rows', () => {
  const row = fc.tuple(
    fc.integer({ min: at('2024-03-08T00:00:00Z'), max: at('2024-03-14T00:00:00Z') }),
    ...([1, 2, 3, 4].map(() => fc.oneof(fc.integer({ min: 1, max: 500 }), fc.constant(null))) as never as [
      fc.Arbitrary<number | null>,
      fc.Arbitrary<number | null>,
      fc.Arbitrary<number | null>,
      fc.Arbitrary<number | null>,
    ]),
    fc.oneof(fc.nat(1_000), fc.constant(null)),
  )
  const rows = fc.array(row, { maxLength: 80 }) as fc.Arbitrary<ChartRow[]>
  const timeframes = fc.constantFrom<readonly [Timeframe, number | '1D']>(
    ...([
      ['1m', MINUTE],
      ['5m', 5 * MINUTE],
      ['1h', 30 * MINUTE],
      ['4h', 30 * MINUTE],
      ['1D', '1D'],
      ['1W', '1D'],
    ] as const),
  )

  test('are candles on our buckets, in order, without doubles, each around its prices', () => {
    fc.assert(
      fc.property(rows, timeframes, (given, [timeframe, length]) => {
        const made = candles(given, timeframe, { length })
        made.forEach((candle, n) => {
          const { time, open, high, low, close, volume } = candle
          if (n > 0) expect(time).toBeGreaterThan(made[n - 1]!.time)
          expect(NEW_YORK.startOf(timeframe, NEW_YORK.beginOf(timeframe, time))).toBe(time)
          expect(high).toBeGreaterThanOrEqual(Math.max(open, close, low))
          expect(low).toBeLessThanOrEqual(Math.min(open, close))
          expect(volume).toBeGreaterThanOrEqual(0)
          expect(candle).toMatchObject({ firstId: null, lastId: null, revision: 0 })
          expect(candle.trades).toBeGreaterThan(0)
        })
      }),
    )
  })
})
