import type { Kysely } from 'kysely'
import type { Cursor } from '../../market/tick.ts'
import { unixMs } from './reads.ts'
import type { Tables } from './schema.ts'

/**
 * The oldest tick at or after `time` (Unix ms), found by halving the ids: the key is by id, and an index by time would
 * cost every write. Where times step back by a moment from one id to the next, the answer is off by as much.
 */
export async function findIdFrom(
  database: Kysely<Tables>,
  instrumentId: number,
  time: number,
): Promise<Cursor | undefined> {
  const of = tickFinder(database, instrumentId)
  const [oldest, newest] = [await of('asc'), await of('desc')]
  if (oldest === undefined || newest === undefined || newest.time < time) return undefined
  let low = oldest.id
  let high = newest.id
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    // The next tick that there is: gaps in the ids cost nothing.
    const probe = await of('asc', middle)
    if (probe === undefined || probe.time >= time) high = middle
    else low = probe.id + 1
  }
  return (await of('asc', low))?.id
}

/** Finds the oldest tick with an id of at least `from`, or the newest of all. */
function tickFinder(database: Kysely<Tables>, instrumentId: number) {
  return (order: 'asc' | 'desc', from = 0) =>
    database
      .selectFrom('ticks')
      .select(['id', unixMs('ts').as('time')])
      .where('instrument_id', '=', instrumentId)
      .where('id', '>=', from)
      .orderBy('id', order)
      .limit(1)
      .executeTakeFirst()
}
