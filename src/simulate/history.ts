import { addTrade, flatKline, INTERVAL_MS, type Interval, joinKlines, openTimeOf } from './kline.ts'
import type { Kline, SimulatedMarket } from './market.ts'
import { createMinuteLedger, type MinuteStore } from './minute-ledger.ts'
import { secondOfPast } from './past-seconds.ts'

/** Which klines are asked for. Times are open times in Unix ms, both ends included. */
export interface KlineRange {
  readonly startTime?: number | undefined
  readonly endTime?: number | undefined
  readonly limit: number
}

/** A market's klines. Those of the time since its first trade are folded exactly from its trades. */
export interface History {
  /**
   * With a start: the oldest from there; without: the newest up to the end. The open kline is the last one; a bucket
   * without a trade is flat. Empty where nothing was listed.
   */
  klines(interval: Interval, range: KlineRange, now: number): readonly Kline[]
  /** Folds what has happened since, at most `budget` trades, so that a later question is answered at once. */
  fold(now: number, budget: number): void
}

/** Closed one-second klines kept; a chart shows a thousand. */
const MAX_SECONDS_KEPT = 10_000

/**
 * Creates the klines of a market: minutes from the ledger, hours from minutes, what is longer from hours, so that all
 * of them agree; seconds straight from the trades, and before the first of them from the minutes. A closed kline is made
 * once.
 */
export function createHistory(market: SimulatedMarket, store?: MinuteStore): History {
  const ledger = createMinuteLedger(market, store)
  const closed = new Map<Interval, Map<number, Kline>>()

  const klineAt = (interval: Interval, openTime: number, now: number): Kline => {
    if (interval === '1m') return ledger.at(openTime)
    const known = closed.get(interval) ?? new Map<number, Kline>()
    const remembered = known.get(openTime)
    if (remembered) return remembered
    const kline = interval === '1s' ? secondAt(market, openTime, now) : composedAt(interval, openTime, now)
    if (openTime + INTERVAL_MS[interval] <= market.clock(now)) {
      closed.set(interval, known.set(openTime, kline))
      if (interval === '1s' && known.size > MAX_SECONDS_KEPT) known.delete(known.keys().next().value!)
    }
    return kline
  }

  const composedAt = (interval: Interval, openTime: number, now: number): Kline => {
    const part = INTERVAL_MS[interval] > INTERVAL_MS['1h'] ? '1h' : '1m'
    const end = Math.min(openTime + INTERVAL_MS[interval] - 1, market.clock(now))
    const start = Math.max(openTime, openTimeOf(part, ledger.since() ?? openTime))
    let kline = klineAt(part, start, now)
    for (let time = start + INTERVAL_MS[part]; time <= end; time += INTERVAL_MS[part]) {
      kline = joinKlines(kline, klineAt(part, time, now))
    }
    return { ...kline, openTime }
  }

  const klines = (interval: Interval, { startTime, endTime, limit }: KlineRange, now: number): readonly Kline[] => {
    ledger.fold(now, Number.POSITIVE_INFINITY)
    const listed = interval === '1s' ? firstSecond(market, now) : ledger.since()
    if (listed === undefined) return []
    const length = INTERVAL_MS[interval]
    const clock = market.clock(now)
    const last = openTimeOf(interval, Math.min(clock, endTime ?? clock))
    const asked = startTime === undefined ? last - (limit - 1) * length : openTimeOf(interval, startTime + length - 1)
    const rows: Kline[] = []
    for (
      let time = Math.max(openTimeOf(interval, listed), asked);
      time <= last && rows.length < limit;
      time += length
    ) {
      rows.push(klineAt(interval, time, now))
    }
    return rows
  }

  return { klines, fold: ledger.fold }
}

/** Where the market has no past, seconds are there from the first trade on. */
function firstSecond(market: SimulatedMarket, now: number): number | undefined {
  if (market.past) return market.past.from
  return market.nextId(now) > market.firstId ? market.steps(market.firstId).time : undefined
}

function secondAt(market: SimulatedMarket, openTime: number, now: number): Kline {
  const { past } = market
  if (past && openTime < past.until) return secondOfPast(past.minute(openTimeOf('1m', openTime)), openTime)
  const from = market.idAt(openTime)
  const until = Math.min(market.idAt(openTime + INTERVAL_MS['1s']), market.nextId(now))
  let kline = flatKline(openTime, market.steps(Math.max(market.firstId, from - 1)).priceSteps)
  for (let id = from; id < until; id += 1) kline = addTrade(kline, market.steps(id))
  return kline
}
