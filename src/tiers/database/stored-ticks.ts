import type { Update } from '../../market/tick.ts'
import type { ConnectionSource } from './connection.ts'
import type { TickGroup } from './tick-groups.ts'

/** What is stored of a tick, as the database has it: `time` in Unix ms, `side` by its code. */
export interface StoredContent {
  readonly time: number
  readonly price: number
  readonly size: number | null
  readonly side: number | null
  readonly trades: number
}

/** A tick whose id is stored, beside what is stored under that id. */
export interface KnownTick {
  readonly instrumentId: number
  readonly update: Update
  readonly stored: StoredContent
}

/** Ids so near to each other are asked for as one range: so many strangers a tick may come with the answer. */
const NEAR = 16

/** Those of the ticks, which are sorted by key, whose ids are stored: one read, however many they are. */
export async function findStored(
  source: ConnectionSource,
  groups: readonly TickGroup[],
): Promise<readonly KnownTick[]> {
  if (groups.length === 0) return []
  const contents = await readContents(source, groups.flatMap(rangesOf))
  return groups.flatMap(({ instrumentId, updates }) => {
    const stored = contents.get(instrumentId)
    return updates.flatMap((update) => {
      const content = stored?.get(update.id)
      return content === undefined ? [] : [{ instrumentId, update, stored: content }]
    })
  })
}

interface IdRange {
  readonly instrumentId: number
  readonly low: number
  high: number
}

function rangesOf({ instrumentId, updates }: TickGroup): readonly IdRange[] {
  const ranges: IdRange[] = []
  for (const { id } of updates) {
    const last = ranges.at(-1)
    if (last !== undefined && id - last.high <= NEAR) last.high = id
    else ranges.push({ instrumentId, low: id, high: id })
  }
  return ranges
}

type PackedTick = readonly [
  instrumentId: number,
  id: number,
  time: number,
  price: number,
  size: number | null,
  side: number | null,
  trades: number,
]

/** What is stored in the ranges, by instrument and id. */
async function readContents(
  source: ConnectionSource,
  ranges: readonly IdRange[],
): Promise<ReadonlyMap<number, ReadonlyMap<number, StoredContent>>> {
  const connection = await source.acquire()
  try {
    const { rows } = await connection.query(CONTENTS, [
      ranges.map(({ instrumentId }) => instrumentId),
      ranges.map(({ low }) => low),
      ranges.map(({ high }) => high),
    ])
    const [row] = rows as readonly { readonly text: string | null }[]
    const packed: readonly PackedTick[] = JSON.parse(row?.text ?? '[]')
    const contents = new Map<number, Map<number, StoredContent>>()
    for (const [instrumentId, id, time, price, size, side, trades] of packed) {
      const ofInstrument = contents.get(instrumentId) ?? new Map<number, StoredContent>()
      ofInstrument.set(id, { time, price, size, side, trades })
      contents.set(instrumentId, ofInstrument)
    }
    return contents
  } finally {
    source.release(connection)
  }
}

/**
 * One text of JSON, as in read-candles.ts. The offset keeps the subquery what it is, a range of the index for each row: a
 * join may be planned as a scan.
 */
const CONTENTS = `
  select array_to_json(array_agg(array[wanted.instrument_id, id, time, price, size, side, trades]))::text as text
  from unnest($1::int4[], $2::int8[], $3::int8[]) as wanted (instrument_id, low, high)
  cross join lateral (
    select id, round(date_part('epoch', ts) * 1000) as time, price, size, side, trades from ticks
    where ticks.instrument_id = wanted.instrument_id and id between wanted.low and wanted.high
    offset 0
  ) as stored`
