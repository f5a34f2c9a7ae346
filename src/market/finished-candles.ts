import { type Candle, saysTheSame } from './candle.ts'
import { TIMEFRAME_MS, type Timeframe } from './timeframe.ts'

/** What becomes of a window when its source's finished candles are taken. */
export interface Finished {
  /** Ascending. */
  readonly rows: readonly Candle[]
  /** Those of them that are new. */
  readonly taken: readonly Candle[]
}

/**
 * The source's finished candles in place of those that are held. A held one that says the same stays as it is; one that
 * was final and says something else is revised, and one whose bucket `isOver` becomes revision `revised`.
 */
export function takeInPlace(
  held: readonly Candle[],
  candles: readonly Candle[],
  revised: number,
  isOver: (time: number) => boolean,
): Finished {
  const rows = new Map(held.map((candle) => [candle.time, candle]))
  const taken = candles.flatMap((candle) => {
    const before = rows.get(candle.time)
    if (before?.final && saysTheSame(before, candle)) return []
    if (before?.final) return [{ ...candle, revision: before.revision + 1 }]
    return [isOver(candle.time) ? { ...candle, revision: revised } : candle]
  })
  for (const candle of taken) rows.set(candle.time, candle)
  return { rows: [...rows.values()].sort((a, b) => a.time - b.time), taken }
}

/**
 * From where on (the `time` of a bucket) a window's candles are the source's: from the first of its finished ones. Where
 * it has none, open ones are composed: of those that ended last, and of the one that `until` falls into, at `running`.
 */
export function beginOfSource(
  timeframe: Timeframe,
  finished: readonly Candle[],
  until: number,
  running: number,
): number {
  const length = TIMEFRAME_MS[timeframe]
  return finished[0]?.time ?? (length > TIMEFRAME_MS['1m'] ? running - length : until)
}
