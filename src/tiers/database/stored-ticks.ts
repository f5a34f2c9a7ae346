import type { ConnectionSource } from './connection.ts'
import { filterTicks, type TickGroup } from './tick-groups.ts'

/** Ids so near to each other are asked for as one range: so many strangers a tick may come with the answer. */
const NEAR = 16

/** Those of the ticks, which are sorted by key, whose ids are stored: one read, however many they are. */
export async function findStored(
  source: ConnectionSource,
  groups: readonly TickGroup[],
): Promise<readonly TickGroup[]> {
  if (groups.length === 0) return []
  const ranges = groups.flatMap(rangesOf)
  const connection = await source.acquire()
  try {
    const { rows } = await connection.query(STORED_IDS, [
      ranges.map(({ instrumentId }) => instrumentId),
      ranges.map(({ low }) => low),
      ranges.map(({ high }) => high),
    ])
    const stored = new Map<number, ReadonlySet<number>>()
    for (const { instrument_id, ids } of rows as readonly { readonly instrument_id: number; readonly ids: string }[]) {
      stored.set(instrument_id, new Set(ids.split(',').map(Number)))
    }
    return filterTicks(groups, ({ id }, instrumentId) => stored.get(instrumentId)?.has(id) ?? false)
  } finally {
    source.release(connection)
  }
}

function rangesOf({ instrumentId, updates }: TickGroup) {
  const ranges: { readonly instrumentId: number; readonly low: number; high: number }[] = []
  for (const { id } of updates) {
    const last = ranges.at(-1)
    if (last !== undefined && id - last.high <= NEAR) last.high = id
    else ranges.push({ instrumentId, low: id, high: id })
  }
  return ranges
}

/** The offset keeps the subquery what it is, a range of the index for each row: a join may be planned as a scan. */
const STORED_IDS = `
  select wanted.instrument_id, string_agg(stored.id::text, ',') as ids
  from unnest($1::int4[], $2::int8[], $3::int8[]) as wanted (instrument_id, low, high)
  cross join lateral (
    select id from ticks
    where ticks.instrument_id = wanted.instrument_id and id between wanted.low and wanted.high
    offset 0
  ) as stored
  group by wanted.instrument_id`
