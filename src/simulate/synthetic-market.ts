import type { ExchangeClock } from './clock.ts'
import { printTrade } from './decimal.ts'
import type { MarketFacts, SimulatedMarket, TradeSteps } from './market.ts'
import { createPricePath, seedFor } from './noise.ts'
import { createMinutePast } from './past-minutes.ts'
import { continueSegments, createSchedule, type MarketLife } from './schedule.ts'
import type { SymbolSpec } from './symbols.ts'
import { createRawOffsets, createTakerSides, createTradeSizes } from './trade-shape.ts'

/** A market in which trading can be halted. */
export interface HaltableMarket extends SimulatedMarket {
  /** While true, nothing new happens; then trading goes on with the next id, and nothing has happened meanwhile. */
  halt(halted: boolean, now: number): void
}

/**
 * Creates a market whose every trade is a pure function of (its seed, its number): ids are `firstId + n`. The price
 * follows a random walk's noise, the size is log-normal, and takers come in runs of one side.
 */
export function createSyntheticMarket(
  spec: SymbolSpec,
  marketSeed: number,
  life: MarketLife,
  clock: ExchangeClock,
): HaltableMarket {
  const segments = [...life.segments]
  const own = (use: string) => seedFor(marketSeed, use)
  const schedule = createSchedule(marketSeed, segments)
  const path = createPricePath(own('path'), spec.hourlyDeviation)
  const priceAt = (seconds: number) => Math.round(spec.price * Math.exp(path(seconds)) * 10 ** spec.priceDigits)
  const buyerIsMaker = createTakerSides(own('side'), own('mood'))
  const sizeSteps = createTradeSizes(own('size'), spec)
  const rawOffset = createRawOffsets(own('raw'))

  const steps = (id: number): TradeSteps => {
    const n = id - spec.firstId
    const maker = buyerIsMaker(n)
    const quoted = n - (((n % QUOTE_RUN) + QUOTE_RUN) % QUOTE_RUN)
    return {
      id,
      // Takers who sell hit the bid, one step under the offer.
      priceSteps: Math.max(1, priceAt(quoted / life.paceRate) + (maker ? 0 : 1)),
      sizeSteps: sizeSteps(n),
      firstTradeId: spec.firstTradeId + rawOffset(n),
      lastTradeId: spec.firstTradeId + rawOffset(n + 1) - 1,
      time: schedule.timeOf(n),
      buyerIsMaker: maker,
    }
  }
  const idAt = (time: number) => spec.firstId + schedule.firstAt(time)
  return {
    ...factsOf(spec),
    firstId: spec.firstId,
    idAt,
    nextId: (now) => idAt(clock.at(now) + 1),
    clock: (now) => clock.at(now),
    steps,
    trade: (id) => printTrade(spec, steps(id)),
    past: createMinutePast(own('past'), spec, life, priceAt),
    halt(halted, now) {
      const { until, ...last } = segments.at(-1)!
      if (halted === (until !== undefined)) return
      const time = clock.at(now)
      if (until === undefined) segments.splice(-1, 1, { ...last, until: time })
      else {
        const goingOn = { until, startTime: Math.max(time, until) + 1, ratePerSecond: last.ratePerSecond }
        segments.splice(0, segments.length, ...continueSegments(marketSeed, segments, goingOn))
      }
    },
  }
}

/** Trades between two moves of bid and offer. */
const QUOTE_RUN = 3

/** A market that is listed and has never traded. */
export function createHaltedMarket(facts: MarketFacts, clock: ExchangeClock): SimulatedMarket {
  const steps = (id: number): never => {
    throw new RangeError(`trade id must exist, was ${id} on ${facts.symbol}, which has none`)
  }
  const none = { firstId: 0, idAt: () => 0, nextId: () => 0, steps, trade: steps, past: undefined }
  return { ...facts, ...none, clock: (now) => clock.at(now) }
}

function factsOf({ symbol, baseAsset, quoteAsset, priceDigits, sizeDigits, status }: SymbolSpec): MarketFacts {
  return { symbol, baseAsset, quoteAsset, priceDigits, sizeDigits, status }
}
