import type { IdRange } from '../market/id-range.ts'
import type { Instrument } from '../market/instrument.ts'
import type { Update } from '../market/tick.ts'
import type { Database } from '../tiers/database/database.ts'

export const PAGE_TICKS = 5_000

type TickDatabase = Pick<Database, 'ticksAfter'>

/** Pages of the stored ticks of an id range, by id; all rows of an id are in one page, also where there are two. */
export async function* storedTicks(
  instrument: Instrument,
  { from, to }: IdRange,
  database: TickDatabase,
  signal: AbortSignal,
): AsyncGenerator<readonly Update[]> {
  let after = from - 1
  while (!signal.aborted) {
    const page = await database.ticksAfter(instrument, after, PAGE_TICKS)
    const last = page.at(-1)
    if (last === undefined) return
    const isLast = page.length < PAGE_TICKS
    // The next page would begin after this id, and so miss another row of it.
    const whole = isLast || page[0]!.id === last.id ? page : page.filter(({ id }) => id < last.id)
    yield whole.filter(({ id }) => id <= to)
    after = whole.at(-1)!.id
    if (isLast || after >= to) return
  }
}

/** The ids of a range of which no tick is stored, as ranges, ascending. */
export async function* missingIds(
  instrument: Instrument,
  { from, to }: IdRange,
  database: TickDatabase,
  signal: AbortSignal,
): AsyncGenerator<IdRange> {
  let next = from
  for await (const page of storedTicks(instrument, { from, to }, database, signal)) {
    for (const { id } of page) {
      if (id > next) yield { from: next, to: id - 1 }
      next = id + 1
    }
  }
  if (next <= to && !signal.aborted) yield { from: next, to }
}
