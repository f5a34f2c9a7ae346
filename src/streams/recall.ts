import { pause } from '../base/backoff.ts'
import { isGatewayError } from '../base/errors.ts'
import { type Candle, saysTheSame } from '../market/candle.ts'
import { without } from '../market/id-range.ts'
import type { Update } from '../market/tick.ts'
import type { CandleRow, Database, Gap } from '../tiers/database/database.ts'
import type { MemoryStream } from '../tiers/memory/memory.ts'
import { findUntold, type Untold } from './untold.ts'

type PastDatabase = Pick<Database, 'gaps' | 'ticksBefore' | 'candles'>

/** What is stored of a stream that began without its database, as far as it matters to it. */
export interface Recalled extends Untold {
  /** The newest tick that was stored before. */
  readonly newest: Update | undefined
  /** The stream's candles where what is stored says something else, to be stored in its place. */
  readonly candles: readonly CandleRow[]
}

/** How often it is asked whether the database is there. */
const ASK_EVERY_MS = 250

/**
 * Waits for the database that was away when the stream began, and joins what is stored there to it: no tick of the
 * stream changes, and its candles are the source's. `onRecalled` is told in the turn in which the stream is known from
 * its beginning: it MUST tell the holes there, or whoever reads next would cross them unawares. Resolves then, or on
 * abort.
 */
export async function recall(
  stream: MemoryStream,
  database: PastDatabase,
  onRecalled: (recalled: Recalled) => void,
  signal: AbortSignal,
): Promise<void> {
  while (await pause(ASK_EVERY_MS, signal)) {
    const { unknownThrough: through } = stream
    if (through === undefined) return
    // Candles that are not the source's yet are nothing to compare with.
    if (through === null || !stream.warm) continue
    try {
      return await recallOnce(stream, through, database, onRecalled)
    } catch (error) {
      if (!isGatewayError(error, 'tier_unavailable')) throw error
    }
  }
}

async function recallOnce(
  stream: MemoryStream,
  through: number,
  database: PastDatabase,
  onRecalled: (recalled: Recalled) => void,
): Promise<void> {
  const { instrument, history } = stream
  // Of what follows the stream knows more than is stored.
  const stored = await database.gaps(instrument)
  const untold = await findUntold(instrument, stored, database)
  const gaps = stored
    .filter((gap) => gap.from <= through && gap.status !== 'filled' && !untold.marks.includes(gap))
    .map((gap): Gap => ({ ...gap, to: Math.min(gap.to, through) }))
  const [newest] = await database.ticksBefore(instrument, through + 1, 1)
  const candles: CandleRow[] = []
  for (const { timeframe, length } of history.windows()) {
    const there = await database.candles(instrument, timeframe, length)
    for (const candle of overruled(history.window(timeframe).last(length), there)) {
      candles.push({ instrument, timeframe, candle })
    }
  }
  // Synchronous from here on: from now on the stream is one with what is stored.
  for (const gap of gaps) stream.sayGap(gap)
  const known = [...gaps, ...untold.holes]
  const missing = newest === undefined ? [] : without({ from: newest.id + 1, to: through }, known)
  onRecalled({ ...untold, holes: [...untold.holes, ...missing], newest, candles })
  stream.unknownThrough = undefined
}

/** Finished candles that a stored state would keep out although it says something else. */
function* overruled(own: readonly Candle[], stored: readonly Candle[]): Generator<Candle> {
  const storedByTime = new Map(stored.map((candle) => [candle.time, candle]))
  for (const candle of own) {
    const there = storedByTime.get(candle.time)
    if (!candle.final || there === undefined || saysTheSame(candle, there)) continue
    if (there.final || there.revision > candle.revision) yield { ...candle, revision: there.revision + 1 }
  }
}
