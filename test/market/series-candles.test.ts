import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Candle } from '../../src/market/candle.ts'
import { SeriesCandles, type SeriesValue } from '../../src/market/series-candles.ts'
import type { Tick } from '../../src/market/tick.ts'
import { bucketStart, SERIES_TIMEFRAMES } from '../../src/market/timeframe.ts'

const day = (text: string) => Date.parse(`${text}T00:00:00Z`)

function tick({ value, ...rest }: SeriesValue): Tick {
  const times = { time: rest.id, received: rest.id }
  return { symbol: 'GDP', price: value, size: undefined, side: undefined, trades: 1, ...times, ...rest }
}

const seen = (id: number, period: string, vintage: string, value: number | undefined): SeriesValue => {
  return { id, period, vintage, value }
}

const row = ({ time, open, high, low, close, trades, revision }: Candle) => [
  new Date(time).toISOString().slice(0, 10),
  ...[open, high, low, close, trades, revision],
]

/** By the book: sort all, take the last of each period, gather buckets. */
function naively(timeframe: 'native' | '1D' | '1W', all: readonly SeriesValue[]) {
  const bucketOf = (period: string) => (timeframe === 'native' ? day(period) : bucketStart(timeframe, day(period)))
  const buckets = [...new Set(all.map(({ period }) => bucketOf(period)))].sort((a, b) => a - b)
  return buckets.flatMap((time) => {
    const inside = all.filter(({ period }) => bucketOf(period) === time)
    const periods = [...new Set(inside.map(({ period }) => period))].sort()
    const newest = periods.map((period) => {
      const vintages = inside.filter((each) => each.period === period)
      return vintages.sort((a, b) => (a.vintage === b.vintage ? a.id - b.id : a.vintage < b.vintage ? -1 : 1)).at(-1)!
    })
    const known = newest.filter(({ value }) => value !== undefined)
    if (known.length === 0) return []
    const values = known.map(({ value }) => value!)
    const prices = { open: values[0], high: Math.max(...values), low: Math.min(...values), close: values.at(-1) }
    const ids = known.map(({ id }) => id)
    const sums = { volume: 0, quoteVolume: 0, buyVolume: 0, trades: values.length }
    const rest = { firstId: Math.min(...ids), lastId: Math.max(...ids), final: true, revision: inside.length - 1 }
    return [{ time, ...prices, ...sums, ...rest }]
  })
}

const someVintages = fc
  .array(
    fc.record({
      day: fc.integer({ min: 0, max: 40 }),
      later: fc.integer({ min: 0, max: 20 }),
      value: fc.option(fc.integer({ min: -500, max: 500 }), { nil: undefined, freq: 4 }),
    }),
    { maxLength: 60 },
  )
  .map((rows) =>
    rows.map(({ day: from, later, value }, index) => {
      const date = (days: number) => new Date(day('2026-01-01') + days * 86_400_000).toISOString().slice(0, 10)
      return seen(100 + index, date(from), date(from + later), value)
    }),
  )

describe('candles of a series', () => {
  it('are the newest vintage of each period, gathered by the book, whether restored, streamed or late', () => {
    fc.assert(
      fc.property(someVintages, fc.nat(60), fc.nat(60), (all, restored, streamed) => {
        const series = new SeriesCandles()
        series.restore(all.slice(0, restored))
        // What is restored comes by the stream once more: it is the same.
        for (const each of all.slice(0, restored + streamed)) series.fold(tick(each))
        for (const each of all.slice(restored + streamed)) series.foldLate(tick(each))
        for (const timeframe of SERIES_TIMEFRAMES) {
          const expected = naively(timeframe, all)
          expect(series.newest(timeframe, 1_000)).toEqual(expected)
          expect(series.newest(timeframe, 3)).toEqual(expected.slice(-3))
          for (const candle of expected) {
            expect(series.at(timeframe, candle.time)).toEqual(candle)
            expect(series.before(timeframe, candle.time)).toEqual(expected.findLast(({ time }) => time < candle.time))
          }
          const [from, to] = [day('2026-01-08'), day('2026-01-28')]
          const inside = expected.filter(({ time }) => time >= from && time < to)
          expect(series.oldestIn(timeframe, from, to, 1_000)).toEqual(inside)
          expect(series.oldestIn(timeframe, from, to, 2)).toEqual(inside.slice(0, 2))
          const before = expected.filter(({ time }) => time < to)
          expect(series.newestBefore(timeframe, to, 2)).toEqual(before.slice(-2))
        }
      }),
      { numRuns: 300 },
    )
  })

  it('a quarter is one row; its revision replaces the value and raises the revision', () => {
    const series = new SeriesCandles()
    series.fold(tick(seen(1, '2026-01-01', '2026-04-29', 100)))
    series.fold(tick(seen(2, '2026-04-01', '2026-07-30', 102)))
    expect(series.newest('native', 9).map(row)).toEqual([
      ['2026-01-01', 100, 100, 100, 100, 1, 0],
      ['2026-04-01', 102, 102, 102, 102, 1, 0],
    ])
    series.fold(tick(seen(3, '2026-01-01', '2026-08-27', 101)))
    expect(series.newest('native', 9).map(row)[0]).toEqual(['2026-01-01', 101, 101, 101, 101, 1, 1])
    expect(series.latest?.id).toBe(2)
    expect(series.newest('1W', 1).map(row)).toEqual([['2026-03-30', 102, 102, 102, 102, 1, 0]])
  })

  it('a value that is withdrawn is a candle no more, and the newest word of its period all the same', () => {
    const series = new SeriesCandles()
    series.fold(tick(seen(1, '2026-01-01', '2026-01-02', 5)))
    series.fold(tick(seen(2, '2026-01-01', '2026-01-03', undefined)))
    expect(series.newest('1D', 9)).toEqual([])
    expect(series.latest).toMatchObject({ id: 2, value: undefined })
  })

  it('is shown in no timeframe that it has not', () => {
    expect(new SeriesCandles().timeframes).toEqual(['native', '1D', '1W'])
  })
})
