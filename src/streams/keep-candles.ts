import type { Candle } from '../market/candle.ts'
import { bucketStart, type Timeframe } from '../market/timeframe.ts'
import type { CandleRow } from '../tiers/database/database.ts'
import type { MemoryStream, MemoryTier } from '../tiers/memory/memory.ts'

/** How often finished candles are looked for: the most by which a `final` is late beyond LATENESS_MS. */
const CLOSE_EVERY_MS = 100
/** How often changed candles are written; ticks written since then are folded in again at the next start. */
const STORE_EVERY_MS = 2_000

export interface KeepCandlesPorts {
  readonly memory: MemoryTier
  /** How long after its end a candle waits for late trades (LATENESS_MS). */
  readonly latenessMs: number
  readonly onFinal: (symbol: string, timeframe: Timeframe, candle: Candle) => void
  /** Some streams' `closedUntil` has passed a second, and every `onFinal` of it is told: the empty buckets are over too. */
  readonly onClosed: () => void
  readonly store: (row: CandleRow) => void
  readonly now: () => number
}

export interface CandleKeeper {
  /** Marks candles final whose time has come. Runs by itself; tests call it at the moment they choose. */
  closeDue(): void
  /** Hands every changed candle to the store. */
  storeChanged(): void
  /** Ends the timers, and hands over what has changed since they last ran. */
  stop(): void
}

/**
 * Closes candles by a timer on their source's clock, not by the next trade, so that a quiet symbol's candle is final on
 * time; and hands changed candles to the database now and then.
 */
export function keepCandles({ memory, latenessMs, onFinal, onClosed, store, now }: KeepCandlesPorts): CandleKeeper {
  /** True when a second has passed there: no bucket ends within one. */
  const closeStream = (stream: MemoryStream, leastDelayMs: number): boolean => {
    const { instrument, history, clock, live, over, endsByClock } = stream
    if (!endsByClock) return false
    const time = clock.now(now())
    // Trades that wait behind a hole belong to candles that would be closed without them.
    if (time === undefined || !(live || over)) return false
    // The clock is that of the source's promptest stream; what a slower exchange trades comes so much later.
    const until = bucketStart('1s', time - latenessMs - stream.comesWithinMs - (delayOf(stream) - leastDelayMs))
    if (until <= history.closedUntil) return false
    history.close(until, (timeframe, start) => {
      const candle = history.window(timeframe).at(start)
      if (candle !== undefined) onFinal(instrument.symbol, timeframe, candle)
    })
    return true
  }
  const closeDue = () => {
    let passed = false
    const leastDelays = leastDelaysOf(memory.streams())
    for (const stream of memory.streams())
      passed = closeStream(stream, leastDelays.get(stream.instrument.source) ?? 0) || passed
    if (passed) onClosed()
  }
  const storeChanged = () => {
    for (const { instrument, history } of memory.streams()) {
      for (const { timeframe, candles } of history.takeDirty()) {
        for (const candle of candles) store({ instrument, timeframe, candle })
      }
    }
  }
  const timers = [setInterval(closeDue, CLOSE_EVERY_MS), setInterval(storeChanged, STORE_EVERY_MS)]
  return {
    closeDue,
    storeChanged,
    stop() {
      for (const timer of timers) clearInterval(timer)
      storeChanged()
    },
  }
}

function delayOf({ market }: MemoryStream): number {
  return market?.delayMs ?? 0
}

/** By source: by how much the prices of its promptest stream are late (ms). */
function leastDelaysOf(streams: Iterable<MemoryStream>): ReadonlyMap<string, number> {
  const least = new Map<string, number>()
  for (const stream of streams) {
    const { source } = stream.instrument
    least.set(source, Math.min(least.get(source) ?? Number.POSITIVE_INFINITY, delayOf(stream)))
  }
  return least
}
