import { addTrade, flatKline, INTERVAL_MS, type Interval, joinKlines, openTimeOf } from './kline.ts'
import type { Kline, SimulatedMarket } from './market.ts'

const MINUTE = INTERVAL_MS['1m']

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

/** Minutes folded by an earlier process, and where to put this one's. */
export interface MinuteStore {
  readonly minutes: readonly Kline[]
  /** Takes minutes that have ended, in order. */
  keep(minutes: readonly Kline[]): void
}

export function createHistory(market: SimulatedMarket, store?: MinuteStore): History {
  /** One per minute from the first trade's on, without a hole. */
  const minutes: Kline[] = [...(store?.minutes ?? [])]
  let kept = minutes.length
  const closed = new Map<Interval, Map<number, Kline>>()
  let folded = minutes.length > 0 ? market.idAt(minutes.at(-1)!.openTime + MINUTE) : market.firstId

  const fold = (now: number, budget: number) => {
    const next = Math.min(market.nextId(now), folded + budget)
    for (; folded < next; folded += 1) {
      const trade = market.steps(folded)
      const openTime = openTimeOf('1m', trade.time)
      if (minutes.length === 0) minutes.push(flatKline(openTime, trade.priceSteps))
      for (let last = minutes.at(-1)!; last.openTime < openTime; last = minutes.at(-1)!) {
        minutes.push(flatKline(last.openTime + MINUTE, last.close))
      }
      minutes.push(addTrade(minutes.pop()!, trade))
    }
    // A minute with another after it has ended.
    if (store && kept < minutes.length - 1) {
      store.keep(minutes.slice(kept, -1))
      kept = minutes.length - 1
    }
  }

  const minuteAt = (openTime: number): Kline => {
    if (market.past && openTime < market.past.until) return market.past.minute(openTime)
    const first = minutes[0]
    // A market's past ends at a whole minute, in which the first trade need not fall.
    if (!first || openTime < first.openTime) return flatKline(openTime, lastPastPrice())
    return minutes[(openTime - first.openTime) / MINUTE] ?? flatKline(openTime, minutes.at(-1)!.close)
  }

  const lastPastPrice = () => (market.past ? market.past.minute(market.past.until - MINUTE).close : 0)

  const secondAt = (openTime: number, now: number): Kline => {
    const from = market.idAt(openTime)
    const until = Math.min(market.idAt(openTime + INTERVAL_MS['1s']), market.nextId(now))
    const before = market.steps(Math.max(market.firstId, from - 1)).priceSteps
    let kline = flatKline(openTime, before)
    for (let id = from; id < until; id += 1) kline = addTrade(kline, market.steps(id))
    return kline
  }

  /** The first moment with klines of the interval; undefined before anything was listed. */
  const since = (interval: Interval): number | undefined => {
    if (interval !== '1s' && market.past) return market.past.from
    return folded > market.firstId ? openTimeOf(interval, market.steps(market.firstId).time) : undefined
  }

  const composed = (interval: Interval, openTime: number, clock: number, now: number): Kline => {
    const part = INTERVAL_MS[interval] > INTERVAL_MS['1h'] ? '1h' : '1m'
    const end = Math.min(openTime + INTERVAL_MS[interval] - 1, clock)
    const start = Math.max(openTime, openTimeOf(part, since('1m') ?? openTime))
    let kline = klineAt(part, start, clock, now)
    for (let time = start + INTERVAL_MS[part]; time <= end; time += INTERVAL_MS[part]) {
      kline = joinKlines(kline, klineAt(part, time, clock, now))
    }
    return { ...kline, openTime }
  }

  const klineAt = (interval: Interval, openTime: number, clock: number, now: number): Kline => {
    if (interval === '1m') return minuteAt(openTime)
    const known = closed.get(interval) ?? new Map<number, Kline>()
    const remembered = known.get(openTime)
    if (remembered) return remembered
    const kline = interval === '1s' ? secondAt(openTime, now) : composed(interval, openTime, clock, now)
    if (openTime + INTERVAL_MS[interval] <= clock) {
      closed.set(interval, known.set(openTime, kline))
      if (interval === '1s' && known.size > MAX_SECONDS_KEPT) known.delete(known.keys().next().value!)
    }
    return kline
  }

  const klines = (interval: Interval, { startTime, endTime, limit }: KlineRange, now: number): readonly Kline[] => {
    fold(now, Number.POSITIVE_INFINITY)
    const clock = market.clock(now)
    const listed = since(interval)
    if (listed === undefined) return []
    const length = INTERVAL_MS[interval]
    const first = openTimeOf(interval, listed)
    const last = openTimeOf(interval, Math.min(clock, endTime ?? clock))
    const asked = startTime === undefined ? last - (limit - 1) * length : openTimeOf(interval, startTime + length - 1)
    const rows: Kline[] = []
    for (let time = Math.max(first, asked); time <= last && rows.length < limit; time += length) {
      rows.push(klineAt(interval, time, clock, now))
    }
    return rows
  }

  return { klines, fold }
}
