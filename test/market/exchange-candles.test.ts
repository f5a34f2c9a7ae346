import fc from 'fast-check'
import { expect, it } from 'vitest'
import { calendarOf } from '../../src/market/calendar.ts'
import type { Candle } from '../../src/market/candle.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import { InstrumentCandles } from '../../src/market/instrument-candles.ts'
import type { Tick } from '../../src/market/tick.ts'
import { bucketStart, TIMEFRAME_MS, TIMEFRAMES, type Timeframe } from '../../src/market/timeframe.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** Weeks in which clocks change, and one in which they do not. */
const BEGINNINGS = [Date.UTC(2026, 2, 5), Date.UTC(2026, 3, 2), Date.UTC(2026, 9, 29), Date.UTC(2026, 10, 20)]
const ZONES = ['America/New_York', 'Australia/Sydney', 'America/Los_Angeles', 'Asia/Kolkata']

const someTrades = fc
  .record({
    begin: fc.constantFrom(...BEGINNINGS),
    gaps: fc.array(fc.integer({ min: 1, max: 16 * 60 }), { minLength: 40, maxLength: 60 }),
    cents: fc.array(fc.integer({ min: 100, max: 99_999 }), { minLength: 60, maxLength: 60 }),
  })
  .map(({ begin, gaps, cents }) => {
    let time = begin
    return gaps.map((gap, index): Tick => {
      time += gap * MINUTE
      const prices = { price: cents[index]! / 100, size: 1, side: undefined, trades: 1 }
      return { symbol: 'X', id: index + 1, ...prices, time, received: time }
    })
  })

const FORMATS = new Map(
  ZONES.map((timeZone) => {
    const parts = { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' } as const
    return [timeZone, new Intl.DateTimeFormat('en-CA', parts)]
  }),
)

/** The bucket's name by the book: the local date as Intl prints it, its Monday, or a whole number of lengths of UTC. */
function nameOf(timeframe: Timeframe, timeZone: string, time: number): number {
  if (timeframe !== '1D' && timeframe !== '1W') return bucketStart(timeframe, time)
  const date = Date.parse(`${FORMATS.get(timeZone)!.format(time)}T00:00:00Z`)
  return timeframe === '1D' ? date : date - ((new Date(date).getUTCDay() + 6) % 7) * DAY
}

const seen = ({ time, open, high, low, close, volume, trades }: Candle) => {
  return { time, open, high, low, close, volume, trades }
}

function naively(timeframe: Timeframe, timeZone: string, ticks: readonly Tick[]) {
  const pricesByName = new Map<number, number[]>()
  for (const { time, price } of ticks) {
    const name = nameOf(timeframe, timeZone, time)
    pricesByName.set(name, [...(pricesByName.get(name) ?? []), price!])
  }
  return [...pricesByName].map(([time, prices]) => {
    const { length } = prices
    const [high, low] = [Math.max(...prices), Math.min(...prices)]
    return { time, open: prices[0]!, high, low, close: prices[length - 1]!, volume: length, trades: length }
  })
}

const stock = (timeZone: string): Instrument => ({
  ...{ symbol: 'X', source: 'yahoo', sourceSymbol: 'X', assetClass: 'stock', priceDigits: 2, sizeDigits: 0 },
  about: { timeZone },
})

/** What a source has at `until`, a full minute: finished ones, and the open one that must not be taken. */
function sourceCandles(timeZone: string, ticks: readonly Tick[], until: number) {
  const calendar = calendarOf({ about: { timeZone } })
  const rows = (timeframe: Timeframe) =>
    naively(timeframe, timeZone, ticks).map((row): Candle => {
      const sums = { quoteVolume: 0, buyVolume: 0, firstId: null, lastId: null, revision: 0 }
      return { ...row, ...sums, final: calendar.endOf(timeframe, row.time) <= until }
    })
  return new Map(TIMEFRAMES.map((timeframe) => [timeframe, rows(timeframe)]))
}

it('candles of a stock are the fold of its trades by exchange days, and final when the exchange day is over', () => {
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), someTrades, fc.nat(14 * 24 * 60), (timeZone, ticks, minutes) => {
      const candles = new InstrumentCandles(stock(timeZone), 1_000)
      for (const tick of ticks) candles.fold(tick)
      const until = ticks[0]!.time + minutes * MINUTE
      candles.close(until, () => {})
      for (const timeframe of TIMEFRAMES) {
        const rows = candles.window(timeframe).last(1_000)
        expect(rows.map(seen)).toEqual(naively(timeframe, timeZone, ticks))
        for (const { time, final } of rows) {
          // Over: a moment of a later bucket has come.
          expect(final).toBe(nameOf(timeframe, timeZone, until) > time)
          expect(time < candles.overUntil(timeframe)).toBe(final)
        }
      }
    }),
    // To shrink weeks of trades takes minutes.
    { numRuns: 40, endOnFailure: true },
  )
})

it('candles of a stock that begin with those of its source are composed by exchange days', () => {
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), someTrades, fc.nat(50), (timeZone, ticks, before) => {
      const candles = new InstrumentCandles(stock(timeZone), 1_000)
      const past = ticks.slice(0, before)
      const until = (past.at(-1)?.time ?? ticks[0]!.time) + MINUTE
      candles.takeSource(sourceCandles(timeZone, past, until), until)
      const live = ticks.slice(before).filter(({ time }) => time >= until)
      for (const tick of live) candles.fold(tick)
      const all = [...past, ...live]
      for (const timeframe of TIMEFRAMES) {
        const expected = naively(timeframe, timeZone, all)
        const rows = candles.window(timeframe).last(1_000).map(seen)
        // Where the source had none finished only the last two are composed.
        const since = TIMEFRAME_MS[timeframe] < MINUTE ? until : (rows[0]?.time ?? Number.POSITIVE_INFINITY)
        expect(rows.filter(({ time }) => time >= since)).toEqual(expected.filter(({ time }) => time >= since))
        const running = nameOf(timeframe, timeZone, until)
        if (past.some(({ time }) => nameOf(timeframe, timeZone, time) === running) && TIMEFRAME_MS[timeframe] > MINUTE)
          expect(rows.some(({ time }) => time === running)).toBe(true)
      }
    }),
    // To shrink weeks of trades takes minutes.
    { numRuns: 40, endOnFailure: true },
  )
})
