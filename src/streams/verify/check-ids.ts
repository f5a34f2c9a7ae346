import type { Finding } from '../../base/task-event.ts'
import { describeIds, type IdRange, overlap, without } from '../../market/id-range.ts'
import type { Instrument } from '../../market/instrument.ts'
import type { Update } from '../../market/tick.ts'
import type { Database, Gap } from '../../tiers/database/database.ts'
import { missingIds } from '../stored-ticks.ts'

/** Sources stamp trades a moment out of order; more than this they do not. */
export const DISORDER_MS = 10_000

/** Looks at one stored tick after the other: whether its id follows, is there once, and happened after the one before. */
export class IdCheck {
  readonly #contiguousIds: boolean
  #last: Update | undefined

  constructor(contiguousIds: boolean) {
    this.#contiguousIds = contiguousIds
  }

  /** What is wrong with the tick where it stands, and the ids that are missing before it. */
  next(tick: Update): { readonly hole?: IdRange; readonly findings: readonly Finding[] } {
    const before = this.#last
    if (before?.id === tick.id) return { findings: [doubled(before, tick)] }
    this.#last = tick
    if (before === undefined) return { findings: [] }
    const findings = tick.time < before.time - DISORDER_MS ? [disordered(before, tick)] : []
    const isHole = this.#contiguousIds && tick.id > before.id + 1
    return isHole ? { hole: { from: before.id + 1, to: tick.id - 1 }, findings } : { findings }
  }
}

/**
 * What nothing accounts for in a hole: the ids of it that are still missing and of which no gap tells. Beside a running
 * gateway it may have been filled, or told, since the page was read.
 */
export async function unaccounted(
  hole: IdRange,
  instrument: Instrument,
  { database, gaps }: { readonly database: Pick<Database, 'gaps' | 'ticksAfter'>; readonly gaps: readonly Gap[] },
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (without(hole, notFilled(gaps)).length === 0) return []
  const rest: IdRange[] = []
  for await (const missing of missingIds(instrument, hole, database, signal)) rest.push(missing)
  const told = notFilled(await database.gaps(instrument))
  return rest
    .flatMap((missing) => without(missing, told))
    .map((ids) => ({
      ...{ type: 'difference', kind: 'hole', message: `${describeIds(ids)}: not stored, and no gap tells of it` },
      ...ids,
    }))
}

/** The gaps that touch a range, a line each. */
export function describeGaps(gaps: readonly Gap[], range: IdRange): readonly Finding[] {
  return notFilled(gaps)
    .filter((gap) => overlap(gap, range) !== undefined)
    .map(({ from, to, status, reason }) => {
      const message = `${describeIds({ from, to })}: ${status}${reason === undefined ? '' : ` (${reason})`}`
      return { type: 'note', kind: 'gap', message, from, to, status }
    })
}

function notFilled(gaps: readonly Gap[]): readonly Gap[] {
  return gaps.filter(({ status }) => status !== 'filled')
}

function doubled(first: Update, second: Update): Finding {
  const rows = [first, second].map(({ time, price, size }) => `${isoTime(time)} ${size} at ${price}`).join(' and ')
  const message = `trade ${first.id}: stored more than once, as ${rows}`
  return { type: 'difference', kind: 'double', message, id: first.id }
}

function disordered(before: Update, tick: Update): Finding {
  const times = `${isoTime(tick.time)}, ${before.id} at ${isoTime(before.time)}`
  const message = `trade ${tick.id}: happened long before the one before it, at ${times}`
  return { type: 'difference', kind: 'order', message, id: tick.id }
}

export function isoTime(time: number): string {
  return new Date(time).toISOString()
}
