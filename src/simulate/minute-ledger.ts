import { addTrade, flatKline, INTERVAL_MS, openTimeOf } from './kline.ts'
import type { Kline, SimulatedMarket } from './market.ts'

const MINUTE = INTERVAL_MS['1m']

/** Minutes folded by an earlier process, and where to put this one's. */
export interface MinuteStore {
  readonly minutes: readonly Kline[]
  /** Takes minutes that have ended, in order. */
  keep(minutes: readonly Kline[]): void
}

/** A market's minutes: those before its first trade as the market tells them, the others folded from its trades. */
export interface MinuteLedger {
  /** Folds what has happened since, at most `budget` trades. */
  fold(now: number, budget: number): void
  /** The minute that opens at `openTime`, which is not before `since`; flat where nothing was folded. */
  at(openTime: number): Kline
  /** The first minute there is; undefined before anything was listed. */
  since(): number | undefined
}

export function createMinuteLedger(market: SimulatedMarket, store?: MinuteStore): MinuteLedger {
  /** One per minute from the first trade's on, without a hole. */
  const minutes: Kline[] = [...(store?.minutes ?? [])]
  let kept = minutes.length
  let folded = minutes.length > 0 ? market.idAt(minutes.at(-1)!.openTime + MINUTE) : market.firstId

  return {
    fold(now, budget) {
      const next = Math.min(market.nextId(now), folded + budget)
      for (; folded < next; folded += 1) {
        const trade = market.steps(folded)
        openUntil(minutes, openTimeOf('1m', trade.time), trade.priceSteps)
        minutes.push(addTrade(minutes.pop()!, trade))
      }
      // A minute with another after it has ended.
      if (store && kept < minutes.length - 1) {
        store.keep(minutes.slice(kept, -1))
        kept = minutes.length - 1
      }
    },
    at(openTime) {
      const { past } = market
      if (past && openTime < past.until) return past.minute(openTime)
      const first = minutes[0]
      // The past ends at a whole minute, in which the first trade need not fall.
      if (!first || openTime < first.openTime) return flatKline(openTime, past?.minute(past.until - MINUTE).close ?? 0)
      return minutes[(openTime - first.openTime) / MINUTE] ?? flatKline(openTime, minutes.at(-1)!.close)
    },
    since: () => market.past?.from ?? minutes[0]?.openTime,
  }
}

/** Goes on with flat minutes until the one at `openTime` is there; the very first one opens at `price`. */
function openUntil(minutes: Kline[], openTime: number, price: number): void {
  if (minutes.length === 0) minutes.push(flatKline(openTime, price))
  for (let last = minutes.at(-1)!; last.openTime < openTime; last = minutes.at(-1)!) {
    minutes.push(flatKline(last.openTime + MINUTE, last.close))
  }
}
