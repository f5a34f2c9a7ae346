import type { Update } from '../../market/tick.ts'
import type { ConnectionSource } from './connection.ts'
import type { Refusal } from './refusals.ts'
import { sideOfCode } from './schema.ts'
import type { TickGroup } from './tick-groups.ts'

interface StoredContent {
  readonly instrument_id: number
  readonly id: number
  readonly time: number
  readonly price: number
  readonly size: number | null
  readonly side: number | null
  readonly trades: number
}

/**
 * Those of the ticks that are stored with another content, which stays. When a tick was received, and whether it was
 * asked for, is not of its content: it may come twice, on different ways.
 */
export async function findConflicts(
  source: ConnectionSource,
  known: readonly TickGroup[],
): Promise<readonly Refusal[]> {
  if (known.length === 0) return []
  const stored = new Map<number, Map<number, StoredContent>>(known.map(({ instrumentId }) => [instrumentId, new Map()]))
  const connection = await source.acquire()
  try {
    const { rows } = await connection.query(CONTENTS, [
      known.flatMap(({ instrumentId, updates }) => updates.map(() => instrumentId)),
      known.flatMap(({ updates }) => updates.map(({ id }) => id)),
    ])
    for (const row of rows as readonly StoredContent[]) stored.get(row.instrument_id)?.set(row.id, row)
  } finally {
    source.release(connection)
  }
  return known.flatMap(({ instrumentId, updates }) =>
    updates.flatMap((update) => {
      const there = stored.get(instrumentId)?.get(update.id)
      if (there === undefined || isSame(update, there)) return []
      return [{ row: { instrumentId, update }, reason: `its id is stored with another content: ${describe(there)}` }]
    }),
  )
}

function isSame({ time, price, size, side, trades }: Update, stored: StoredContent): boolean {
  return (
    time === stored.time &&
    price === stored.price &&
    (size ?? null) === stored.size &&
    side === sideOfCode(stored.side) &&
    trades === stored.trades
  )
}

function describe({ time, price, size, side, trades }: StoredContent): string {
  return JSON.stringify({ time, price, size, side: sideOfCode(side), trades })
}

/** The limit keeps the subquery what it is, index lookups: a join may be planned as a scan. */
const CONTENTS = `
  select wanted.instrument_id, wanted.id, time, price, size, side, trades
  from unnest($1::int4[], $2::int8[]) as wanted (instrument_id, id)
  cross join lateral (
    select round(date_part('epoch', ts) * 1000) as time, price, size, side, trades from ticks
    where ticks.instrument_id = wanted.instrument_id and ticks.id = wanted.id
    limit 1
  ) as stored`
