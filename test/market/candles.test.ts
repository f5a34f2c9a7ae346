import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Candle } from '../../src/market/candle.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import { InstrumentCandles } from '../../src/market/instrument-candles.ts'
import type { Tick } from '../../src/market/tick.ts'
import { bucketEnd, bucketStart, TIMEFRAMES, type Timeframe } from '../../src/market/timeframe.ts'

const BTC: Instrument = {
  symbol: 'BTC',
  source: 'binance',
  sourceSymbol: 'BTCUSDT',
  assetClass: 'crypto',
  priceDigits: 2,
  sizeDigits: 5,
}
const MONDAY = Date.UTC(2026, 10, 16)

function tick(id: number, time: number, price = 100, size = 1, side: 'buy' | 'sell' = 'buy'): Tick {
  return { symbol: 'BTC', id, price, size, side, trades: 1, time, received: time }
}

/** Folds by the book: integers of the steps, one bucket at a time. */
function foldNaively(timeframe: Timeframe, ticks: readonly Tick[]) {
  const buckets = new Map<number, Tick[]>()
  for (const each of ticks) {
    const start = bucketStart(timeframe, each.time)
    buckets.set(start, [...(buckets.get(start) ?? []), each])
  }
  const cents = ({ price }: Tick) => BigInt(Math.round(price! * 100))
  const lots = ({ size }: Tick) => BigInt(Math.round(size! * 1e5))
  const sum = (units: readonly bigint[], digits: number) => {
    const text = units
      .reduce((a, b) => a + b, 0n)
      .toString()
      .padStart(digits + 1, '0')
    return Number(`${text.slice(0, -digits)}.${text.slice(-digits)}`)
  }
  return [...buckets]
    .sort(([a], [b]) => a - b)
    .map(([time, all]) => ({
      time,
      open: all[0]!.price,
      high: Math.max(...all.map(({ price }) => price!)),
      low: Math.min(...all.map(({ price }) => price!)),
      close: all.at(-1)!.price,
      volume: sum(all.map(lots), 5),
      quoteVolume: sum(
        all.map((each) => cents(each) * lots(each)),
        7,
      ),
      buyVolume: sum(all.filter(({ side }) => side === 'buy').map(lots), 5),
      trades: all.length,
      firstId: all[0]!.id,
      lastId: all.at(-1)!.id,
    }))
}

const someTicks = (mostLots: number) =>
  fc
    .array(
      fc.record({
        gap: fc.integer({ min: -1_500, max: 90_000 }),
        cents: fc.integer({ min: 1, max: 9_999_999 }),
        lots: fc.integer({ min: 1, max: mostLots }),
        buy: fc.boolean(),
      }),
      { minLength: 1, maxLength: 120 },
    )
    .map((rows) => {
      let time = MONDAY + 3_600_000
      return rows.map(({ gap, cents, lots, buy }, index) => {
        time += gap
        return tick(index + 1, time, cents / 100, lots / 1e5, buy ? 'buy' : 'sell')
      })
    })

describe('candles of one instrument', () => {
  it('every timeframe is the exact fold of the same ticks, whatever order their times have', () => {
    fc.assert(
      fc.property(someTicks(999_999_999), (ticks) => {
        const candles = new InstrumentCandles(BTC, 10_000)
        for (const each of ticks) candles.fold(each)
        for (const timeframe of TIMEFRAMES) {
          const rows = candles.window(timeframe).last(10_000)
          expect(rows.map(({ final: _, revision: __, ...row }) => row)).toEqual(foldNaively(timeframe, ticks))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('a restart in the middle changes nothing: candles read back take only the ticks they do not hold', () => {
    fc.assert(
      fc.property(someTicks(1_000_000), fc.nat(119), fc.nat(10), (ticks, at, overlap) => {
        const whole = new InstrumentCandles(BTC, 10_000)
        for (const each of ticks) whole.fold(each)
        const before = new InstrumentCandles(BTC, 10_000)
        for (const each of ticks.slice(0, at)) before.fold(each)
        const after = new InstrumentCandles(BTC, 10_000)
        for (const timeframe of TIMEFRAMES) after.restore(timeframe, before.window(timeframe).last(10_000))
        for (const each of ticks.slice(Math.max(0, at - overlap))) after.fold(each)
        for (const timeframe of TIMEFRAMES) {
          expect(after.window(timeframe).last(10_000)).toEqual(whole.window(timeframe).last(10_000))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('the window rolls: only the newest candles stay', () => {
    const candles = new InstrumentCandles(BTC, 20)
    for (let minute = 0; minute < 1_000; minute++) candles.fold(tick(minute + 1, MONDAY + minute * 60_000))
    const rows = candles.window('1m').last(100)
    expect(rows).toHaveLength(20)
    expect(rows[0]!.time).toBe(MONDAY + 980 * 60_000)
    expect(candles.window('1m').at(MONDAY + 999 * 60_000)?.lastId).toBe(1_000)
    expect(candles.window('1m').at(MONDAY)).toBeUndefined()
  })

  it('a candle is final once its bucket has ended, and says so once', () => {
    const candles = new InstrumentCandles(BTC, 100)
    candles.fold(tick(1, MONDAY + 10))
    candles.fold(tick(2, MONDAY + 60_010))
    const closed: string[] = []
    const close = (until: number) =>
      candles.close(until, (timeframe, time) => closed.push(`${timeframe} ${time - MONDAY}`))
    close(MONDAY + 59_999)
    expect(closed).toEqual(['1s 0'])
    close(MONDAY + 60_000)
    close(MONDAY + 60_000)
    expect(closed).toEqual(['1s 0', '1m 0'])
    expect(
      candles
        .window('1m')
        .last(2)
        .map(({ final }) => final),
    ).toEqual([true, false])
  })

  it('a late trade revises the final candle it belongs to, and nothing else', () => {
    const candles = new InstrumentCandles(BTC, 100)
    candles.fold(tick(1, MONDAY + 10, 100))
    candles.fold(tick(2, MONDAY + 60_010, 101))
    candles.close(MONDAY + 62_000, () => {})
    candles.fold(tick(3, MONDAY + 59_999, 107))
    const [first, second] = candles.window('1m').last(2)
    expect(first).toMatchObject({ high: 107, close: 107, trades: 2, final: true, revision: 1 })
    expect(second).toMatchObject({ high: 101, trades: 1, revision: 0 })
  })

  it('trades that come late, in whatever order, leave the candles as if they had come in time', () => {
    fc.assert(
      fc.property(someTicks(999_999_999), fc.nat(119), fc.nat(119), (ticks, from, count) => {
        const late = ticks.slice(from, from + count)
        const whole = new InstrumentCandles(BTC, 10_000)
        for (const each of ticks) whole.fold(each)
        const candles = new InstrumentCandles(BTC, 10_000)
        for (const each of ticks) if (!late.includes(each)) candles.fold(each)
        for (const each of late.toReversed()) candles.foldLate(each)
        for (const timeframe of TIMEFRAMES) {
          expect(candles.window(timeframe).last(10_000)).toEqual(whole.window(timeframe).last(10_000))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('changed candles are told once each, all as of the same tick', () => {
    const candles = new InstrumentCandles(BTC, 100)
    candles.fold(tick(1, MONDAY))
    candles.fold(tick(2, MONDAY + 1_000))
    const [seconds] = candles.takeDirty()
    expect(seconds?.candles.map(({ lastId }) => lastId)).toEqual([1, 2])
    candles.fold(tick(3, MONDAY + 1_500))
    expect(candles.takeDirty()[0]?.candles.map(({ lastId }) => lastId)).toEqual([3])
    expect(candles.takeDirty().flatMap((each) => each.candles)).toEqual([])
  })

  describe('taken from the source', () => {
    const whole = { firstId: null, lastId: null, final: true }

    it('a final candle that says something else is revised, one that says the same stays', () => {
      const candles = new InstrumentCandles(BTC, 100)
      candles.fold(tick(1, MONDAY, 100, 1))
      candles.fold(tick(2, MONDAY + 60_000, 101, 1))
      candles.close(MONDAY + 120_000, () => {})
      const [first, second] = candles.window('1m').last(2)
      const taken = candles.takeSource(
        new Map([
          [
            '1m',
            [
              { ...first!, ...whole },
              { ...second!, ...whole, volume: 9, trades: 3 },
            ],
          ],
        ]),
        MONDAY + 120_000,
      )
      expect(taken.map(({ candle }) => candle)).toEqual([{ ...second!, ...whole, volume: 9, trades: 3, revision: 1 }])
      expect(candles.window('1m').last(2)[0]).toEqual(first)
    })

    it('open candles are composed up to the minute, and only what happens from then on is folded', () => {
      const truth = new InstrumentCandles(BTC, 1_000)
      const ticks = Array.from({ length: 4_000 }, (_, index) =>
        tick(index + 1, MONDAY + index * 2_700, 100 + (index % 7)),
      )
      for (const each of ticks) truth.fold(each)
      const minute = MONDAY + Math.floor((4_000 * 2_700) / 60_000) * 60_000
      const source = new Map(
        TIMEFRAMES.map((timeframe) => {
          const finished = truth
            .window(timeframe)
            .last(1_000)
            .filter(({ time }) => bucketEnd(timeframe, time) <= minute)
          return [timeframe, finished.map((row) => ({ ...row, ...whole }))] as const
        }),
      )
      const candles = new InstrumentCandles(BTC, 1_000)
      // What was there before is forgotten where it was open, however wrong it was.
      candles.fold(tick(3_990, minute - 1, 1, 1_000))
      candles.takeSource(source, minute)
      for (const each of ticks.slice(3_900)) candles.fold(each)
      const numbers = ({ firstId: _, lastId: __, final: ___, revision: ____, ...row }: Candle) => row
      for (const timeframe of TIMEFRAMES) {
        const ours = candles.window(timeframe).last(5).map(numbers)
        expect(ours.at(-1), timeframe).toEqual(numbers(truth.window(timeframe).last(1)[0]!))
      }
    })
  })
})
