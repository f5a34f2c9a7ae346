import { isGatewayError } from '../../base/errors.ts'
import type { Instrument } from '../../market/instrument.ts'
import type { Update } from '../../market/tick.ts'
import { assertStorableCandle, type StoredCandle } from './candle-writer.ts'
import type { StoredGap } from './gap-writer.ts'
import { assertStorableObservation, type StoredObservation } from './observation-writer.ts'
import { groupTicks, type TickGroup } from './tick-groups.ts'
import { assertStorableTick, isStorableTick } from './tick-writer.ts'

/** A tick with the number its instrument has in this database. */
export interface TickRow {
  readonly instrumentId: number
  readonly update: Update
}

/** One row of a batch, of any table. */
export type StoredRow = TickRow | StoredObservation | StoredCandle | StoredGap

/** What one transaction writes, with instruments by their numbers. */
export interface StoredBatch {
  readonly ticks: readonly TickGroup[]
  readonly observations: readonly StoredObservation[]
  readonly candles: readonly StoredCandle[]
  readonly gaps: readonly StoredGap[]
}

/** A row the database will not take, and what it said. */
export interface Refusal {
  readonly row: StoredRow
  readonly reason: string
}

/** What can be seen without asking the database, which for some of these would only say that the bytes are wrong. */
export function findUnstorable(batch: StoredBatch): readonly Refusal[] {
  const suspects = [
    ...batch.ticks.filter(({ updates }) => !updates.every(isStorableTick)).flatMap(rowsOfGroup),
    ...batch.observations,
    ...batch.candles,
  ]
  return suspects.flatMap((row) => {
    const reason = reasonToRefuse(row)
    return reason === undefined ? [] : [{ row, reason }]
  })
}

/** Whether a database may take this tick: one that is not storable is refused by every one of them, sooner or later. */
export function isStorable({ assetClass }: Pick<Instrument, 'assetClass'>, update: Update): boolean {
  const row = assetClass === 'macro' ? { instrumentId: 0, observation: update } : { instrumentId: 0, update }
  return reasonToRefuse(row) === undefined
}

function reasonToRefuse(row: TickRow | StoredObservation | StoredCandle): string | undefined {
  try {
    if ('update' in row) assertStorableTick(row.update)
    else if ('observation' in row) assertStorableObservation(row.observation)
    else assertStorableCandle(row)
    return undefined
  } catch (error) {
    if (!isGatewayError(error, 'row_refused')) throw error
    return error.message
  }
}

/** Halves the batch until those to blame stand alone; `trial` returns what the database says of a part, if anything. */
export async function findRefusals(
  batch: StoredBatch,
  trial: (part: StoredBatch) => Promise<string | undefined>,
): Promise<readonly Refusal[]> {
  const halve = async (rows: readonly StoredRow[]): Promise<readonly Refusal[]> => {
    const reason = await trial(batchOf(rows))
    if (reason === undefined) return []
    const [row] = rows
    if (rows.length === 1 && row) return [{ row, reason }]
    const middle = rows.length >> 1
    return [...(await halve(rows.slice(0, middle))), ...(await halve(rows.slice(middle)))]
  }
  return halve(rowsOf(batch))
}

/** The batch without the rows that were refused. */
export function withoutRefused(batch: StoredBatch, refusals: readonly Refusal[]): StoredBatch {
  if (refusals.length === 0) return batch
  const refused = new Set(refusals.map(({ row }) => contentOf(row)))
  return batchOf(rowsOf(batch).filter((row) => !refused.has(contentOf(row))))
}

/** A tick's row is made anew each time; what it holds is the same. */
function contentOf(row: StoredRow): object {
  if ('update' in row) return row.update
  if ('observation' in row) return row.observation
  return 'candle' in row ? row.candle : row.gap
}

function rowsOf({ ticks, observations, candles, gaps }: StoredBatch): readonly StoredRow[] {
  return [...ticks.flatMap(rowsOfGroup), ...observations, ...candles, ...gaps]
}

function rowsOfGroup({ instrumentId, updates }: TickGroup): readonly TickRow[] {
  return updates.map((update) => ({ instrumentId, update }))
}

function batchOf(rows: readonly StoredRow[]): StoredBatch {
  const ticks = rows.filter((row) => 'update' in row)
  return {
    ticks: groupTicks(
      ticks.map(({ instrumentId, update }) => ({ instrument: instrumentId, update })),
      (instrumentId) => instrumentId,
    ),
    observations: rows.filter((row) => 'observation' in row),
    candles: rows.filter((row) => 'candle' in row),
    gaps: rows.filter((row) => 'gap' in row),
  }
}
