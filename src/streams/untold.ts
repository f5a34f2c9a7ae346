import { type IdRange, without } from '../market/id-range.ts'
import type { Instrument } from '../market/instrument.ts'
import type { Cursor, Update } from '../market/tick.ts'
import type { Database, Gap } from '../tiers/database/database.ts'

const BEGAN_BLIND = 'the stream began while what is stored could not be read'

/** What a process that is gone could not tell any more. */
export interface Untold {
  /** Ids that are missing, and in no gap. */
  readonly holes: readonly IdRange[]
  /** Marks that have been looked behind: nothing is left of them. */
  readonly marks: readonly Gap[]
  /**
   * Gaps that it had told, as they are stored: each is settled by itself, whatever this process tells of the same ids,
   * and also where its stream has them.
   */
  readonly open: readonly Gap[]
}

/**
 * A gap of one id before the first tick of a stream that does not know what is stored before it. It goes where the ticks
 * go, and says to the next process, if this one does not come to look, that there may be a hole.
 */
export function markBefore(instrument: Instrument, first: Cursor): Gap {
  return { instrument, from: first - 1, to: first - 1, status: 'open', reason: BEGAN_BLIND }
}

/** What is open among the stored gaps, and what is missing before each mark among them. */
export async function findUntold(
  instrument: Instrument,
  gaps: readonly Gap[],
  database: Pick<Database, 'ticksBefore'>,
): Promise<Untold> {
  const holes: IdRange[] = []
  const marks = gaps.filter(isMark)
  const told = gaps.filter((gap) => gap.status !== 'filled' && !isMark(gap))
  for (const { to } of marks) {
    const [before] = await database.ticksBefore(instrument, to + 1, 1)
    if (before !== undefined) holes.push(...without({ from: before.id + 1, to }, [...told, ...holes]))
  }
  return { holes, marks, open: openOf(gaps) }
}

/** Those that are to be filled. */
export function openOf(gaps: readonly Gap[]): readonly Gap[] {
  return gaps.filter((gap) => gap.status === 'open' && !isMark(gap))
}

/** The row that takes a mark back: it keeps the reason, by which it is known to be no gap. */
export function withoutMark(mark: Gap): Gap {
  return { ...mark, status: 'filled' }
}

/** Ids between ascending ticks of a contiguous stream that are in no gap of `known`. */
export function breaksIn(ticks: readonly Update[], known: readonly IdRange[]): readonly IdRange[] {
  const breaks: IdRange[] = []
  for (let index = 1; index < ticks.length; index++) {
    const [from, to] = [ticks[index - 1]!.id + 1, ticks[index]!.id - 1]
    if (from <= to) breaks.push(...without({ from, to }, known))
  }
  return breaks
}

function isMark({ status, reason }: Gap): boolean {
  return status === 'open' && reason === BEGAN_BLIND
}

/** Nothing is to be told of it. */
export function isTakenBack({ status, reason }: Pick<Gap, 'status' | 'reason'>): boolean {
  return status === 'filled' && reason === BEGAN_BLIND
}
