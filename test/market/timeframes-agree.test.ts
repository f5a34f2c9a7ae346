import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Candle } from '../../src/market/candle.ts'
import { InstrumentCandles } from '../../src/market/instrument-candles.ts'
import type { Tick } from '../../src/market/tick.ts'
import { bucketEnd, bucketStart, TIMEFRAMES, type Timeframe } from '../../src/market/timeframe.ts'
import { BTC } from '../fakes/exchange-feed.ts'

const MONDAY = Date.UTC(2026, 10, 16, 22, 58)
const PAIRS = TIMEFRAMES.slice(1).map((longer, place) => ({ longer, shorter: TIMEFRAMES[place]! }))

/** What happens to one instrument's candles: some trades are missed, and come late or with the source's candles. */
type Step =
  | {
      readonly do: 'trade'
      readonly afterMs: number
      readonly cents: number
      readonly lots: number
      readonly missed: boolean
    }
  | { readonly do: 'close'; readonly behindMs: number }
  | { readonly do: 'find late' }
  | { readonly do: 'take the source' }
  | { readonly do: 'restart' }

const rare = (what: 'find late' | 'take the source' | 'restart') => ({
  weight: 2,
  arbitrary: fc.record({ do: fc.constant(what) }),
})

/** `earliest`: how far a trade may have happened before the one with the id before it (ms, at most 0). */
const someSteps = (earliest: number, ...more: readonly ('find late' | 'take the source' | 'restart')[]) => {
  // Mostly close together, sometimes hours of nothing.
  const afterMs = fc.oneof(fc.integer({ min: earliest, max: 20_000 }), fc.integer({ min: 0, max: 9_000_000 }))
  const trade = fc.record({
    ...{ do: fc.constant('trade' as const), afterMs, missed: fc.boolean() },
    ...{ cents: fc.integer({ min: 1, max: 9_999_999 }), lots: fc.integer({ min: 1, max: 99_999_999 }) },
  })
  const close = fc.record({ do: fc.constant('close' as const), behindMs: fc.integer({ min: 0, max: 5_000 }) })
  const step = fc.oneof({ weight: 9, arbitrary: trade }, { weight: 3, arbitrary: close }, ...more.map(rare))
  return fc.array(step, { minLength: 1, maxLength: 60 })
}

/** Open and close go by id: trades whose times step back are in another order than their buckets. */
const backwards = someSteps(-3_000, 'find late', 'restart')
/** The source's candles have no ids; its times do not step back. */
const forwards = someSteps(0, 'find late', 'take the source', 'restart')

/** The candles of one instrument, and everything that was ever traded. */
class Instrument {
  candles: InstrumentCandles
  readonly #capacity: number
  readonly #all: Tick[] = []
  readonly #missed: Tick[] = []
  #time = MONDAY

  constructor(capacity: number) {
    this.#capacity = capacity
    this.candles = new InstrumentCandles(BTC, capacity)
  }

  take(step: Step): void {
    if (step.do === 'trade') this.#trade(step)
    if (step.do === 'close') this.candles.close(this.#time - step.behindMs, () => undefined)
    if (step.do === 'find late') for (const tick of this.#missed.splice(0)) this.candles.foldLate(tick)
    if (step.do === 'take the source') this.#takeSource()
    if (step.do === 'restart') this.#restart()
  }

  #trade({ afterMs, cents, lots, missed }: Extract<Step, { do: 'trade' }>): void {
    const time = this.#time + afterMs
    this.#time = Math.max(this.#time, time)
    const id = this.#all.length + 1
    const side = lots % 2 === 0 ? 'buy' : 'sell'
    const tick: Tick = {
      symbol: 'BTC',
      id,
      price: cents / 100,
      size: lots / 1e5,
      side,
      trades: 1,
      time,
      received: time,
    }
    this.#all.push(tick)
    if (missed) this.#missed.push(tick)
    else this.candles.fold(tick)
  }

  /** As after a hole too large: what ended before the running minute is the source's, the rest is folded again. */
  #takeSource(): void {
    const minute = bucketStart('1m', this.#time)
    const truth = new InstrumentCandles(BTC, this.#capacity)
    for (const tick of this.#all) if (tick.time < minute) truth.fold(tick)
    const whole = { firstId: null, lastId: null, final: true, revision: 0 }
    const finished = (timeframe: Timeframe) =>
      truth
        .window(timeframe)
        .last(this.#capacity)
        .filter(({ time }) => bucketEnd(timeframe, time) <= minute)
    const rows = TIMEFRAMES.map((name) => [name, finished(name).map((row) => ({ ...row, ...whole }))] as const)
    this.candles.takeSource(new Map(rows), minute)
    for (const tick of this.#all) if (tick.time >= minute) this.candles.fold(tick)
    this.candles.wholeThrough(this.#all.at(-1)?.id ?? -1)
    this.#missed.length = 0
  }

  #restart(): void {
    const after = new InstrumentCandles(BTC, this.#capacity)
    for (const name of TIMEFRAMES) after.restore(name, this.candles.window(name).last(this.#capacity))
    this.candles = after
  }
}

/** In the order of their trades. Those of the source have no ids, but come in the order of time. */
function inOrder(parts: readonly Candle[], id: 'firstId' | 'lastId'): readonly Candle[] {
  return parts.some((part) => part[id] === null) ? parts : parts.toSorted((a, b) => a[id]! - b[id]!)
}

/** What a longer candle must be, from the shorter ones of its bucket; sums in the steps of the instrument. */
function aggregate(parts: readonly Candle[]) {
  const sum = (name: 'volume' | 'quoteVolume' | 'buyVolume', digits: number) =>
    parts.reduce((units, part) => units + BigInt(part[name].toFixed(digits).replace('.', '')), 0n)
  return {
    open: inOrder(parts, 'firstId')[0]!.open,
    high: Math.max(...parts.map(({ high }) => high)),
    low: Math.min(...parts.map(({ low }) => low)),
    close: inOrder(parts, 'lastId').at(-1)!.close,
    volume: sum('volume', 5),
    quoteVolume: sum('quoteVolume', 7),
    buyVolume: sum('buyVolume', 5),
    trades: parts.reduce((trades, part) => trades + part.trades, 0),
  }
}

function expectAgreement(candles: InstrumentCandles, capacity: number): void {
  for (const { longer, shorter } of PAIRS) {
    const parts = candles.window(shorter).last(capacity)
    const reach = parts.length < capacity ? Number.NEGATIVE_INFINITY : parts[0]!.time
    for (const candle of candles.window(longer).last(capacity)) {
      if (candle.time < reach) continue
      const covered = parts.filter(({ time }) => time >= candle.time && time < bucketEnd(longer, candle.time))
      expect(covered.length, `${longer} at ${candle.time} has no ${shorter}`).toBeGreaterThan(0)
      expect(aggregate([candle]), `${longer} at ${candle.time}`).toEqual(aggregate(covered))
    }
  }
}

describe('the timeframes of one instrument', () => {
  it('agree with one another after whatever happens: each candle is the sum of the shorter ones that it covers', () => {
    fc.assert(
      fc.property(fc.oneof(forwards, backwards), fc.constantFrom(12, 10_000), (all, capacity) => {
        const instrument = new Instrument(capacity)
        for (const step of all) {
          instrument.take(step)
          expectAgreement(instrument.candles, capacity)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('never take a final candle back, and revise it upwards only', () => {
    fc.assert(
      fc.property(fc.oneof(forwards, backwards), (all) => {
        const instrument = new Instrument(10_000)
        const told = new Map<string, Candle>()
        for (const step of all) {
          instrument.take(step)
          for (const timeframe of TIMEFRAMES) {
            for (const candle of instrument.candles.window(timeframe).last(10_000)) {
              const at = `${timeframe} ${candle.time}`
              const before = told.get(at)
              told.set(at, candle)
              if (!before?.final) continue
              expect(candle.final, at).toBe(true)
              expect(candle.revision, at).toBeGreaterThanOrEqual(before.revision)
              if (candle.revision === before.revision) expect(aggregate([candle])).toEqual(aggregate([before]))
            }
          }
        }
      }),
      { numRuns: 150 },
    )
  })
})
