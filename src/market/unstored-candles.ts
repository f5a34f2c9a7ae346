import type { Candle } from './candle.ts'

/**
 * The candles that left a window before anybody had taken them as they are, and those that were handed over to a slower
 * tier and are not known to be there yet.
 */
export class UnstoredCandles {
  #left: Candle[] = []
  readonly #byTime = new Map<number, Candle>()
  #newest: Candle | undefined
  #areStored = false

  /** Whether one that begins before `time` (Unix ms) is among them. */
  reachBefore(time: number): boolean {
    if (this.#left.some((candle) => candle.time < time)) return true
    if (this.#areStored) return false
    for (const each of this.#byTime.keys()) if (each < time) return true
    return false
  }

  /** One leaves: its bucket is long over. */
  leave(candle: Candle): void {
    this.#left.push({ ...candle, final: true })
  }

  /** Hands over those that have left, and these. */
  handOver(candles: readonly Candle[]): Candle[] {
    const all = [...this.#left, ...candles]
    this.#left = []
    this.take(all)
    return all
  }

  /** These are handed over; what is handed over first is stored first, or not at all. */
  take(candles: readonly Candle[]): void {
    if (this.#areStored) this.#byTime.clear()
    this.#areStored &&= candles.length === 0
    for (const candle of candles) this.#byTime.set(candle.time, candle)
    this.#newest = candles.at(-1) ?? this.#newest
  }

  /** The slower tier has this one. False: it is not from here, or not as it was handed over last. */
  stored(candle: Candle): boolean {
    this.#areStored ||= isSameState(candle, this.#newest)
    return isSameState(candle, this.#byTime.get(candle.time))
  }
}

function isSameState(a: Candle, b: Candle | undefined): boolean {
  if (a.time !== b?.time || a.lastId !== b.lastId) return false
  return a.revision === b.revision && a.final === b.final && a.trades === b.trades
}
