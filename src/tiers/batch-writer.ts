import { isGatewayError } from '../base/errors.ts'
import { assertStorableCandle, type StoredCandle, writeCandles } from './candle-writer.ts'
import { type ConnectionSource, type Statement, transaction } from './connection.ts'
import { type StoredGap, writeGaps } from './gap-writer.ts'
import { codeOf, isDataError, toGatewayError, UNIQUE_VIOLATION } from './sqlstate.ts'
import { assertStorableTick, sortTicks, type TickRow, writeKnownTicks, writeNewTicks } from './tick-writer.ts'

/** One row of a batch, of any table. */
export type StoredRow = TickRow | StoredCandle | StoredGap

/** A row the database will not take, and what it said. */
export interface Refusal {
  readonly row: StoredRow
  readonly reason: string
}

export interface BatchWriter {
  /** Commits all rows but those the database refuses, in one transaction; returns the refused ones. */
  write(rows: readonly StoredRow[]): Promise<readonly Refusal[]>
  /** Tells the newest stored id of an instrument: above it, ticks go the fast way. */
  stored(instrumentId: number, newestId: number | undefined): void
}

export function createBatchWriter(source: ConnectionSource): BatchWriter {
  const newestIds = new Map<number, number>()

  const commit = async (rows: readonly StoredRow[]) => {
    try {
      await transaction(source, writeRows(rows, newestIds))
    } catch (error) {
      if (codeOf(error) !== UNIQUE_VIOLATION) throw error
      // Another process stored one of the new ticks: compare every tick with what is there.
      await transaction(source, writeRows(rows, new Map(), Number.POSITIVE_INFINITY))
    }
    for (const row of rows) {
      if ('update' in row && row.update.id > (newestIds.get(row.instrumentId) ?? -1)) {
        newestIds.set(row.instrumentId, row.update.id)
      }
    }
  }

  return {
    stored(instrumentId, newestId) {
      if (newestId !== undefined) newestIds.set(instrumentId, newestId)
    },
    async write(rows) {
      const refusals: Refusal[] = []
      const storable = rows.filter((row) => {
        const reason = reasonToRefuse(row)
        if (reason !== undefined) refusals.push({ row, reason })
        return reason === undefined
      })
      try {
        await commit(storable)
      } catch (error) {
        if (!isDataError(error)) throw error
        refusals.push(...(await findRefusals(source, storable)))
        const refused = new Set(refusals.map(({ row }) => row))
        await commit(storable.filter((row) => !refused.has(row)))
      }
      return refusals
    },
  }
}

/** Ids at or below `newestIds`, or below `knownBelow` where an instrument is not in it, may be stored already. */
function* writeRows(
  rows: readonly StoredRow[],
  newestIds: ReadonlyMap<number, number>,
  knownBelow = -1,
): Generator<Statement> {
  const ticks = sortTicks(rows.filter((row) => 'update' in row))
  const isNew = ({ instrumentId, update }: TickRow) => update.id > (newestIds.get(instrumentId) ?? knownBelow)
  yield* writeNewTicks(ticks.filter(isNew))
  yield* writeKnownTicks(ticks.filter((row) => !isNew(row)))
  yield* writeCandles(rows.filter((row) => 'candle' in row))
  yield* writeGaps(rows.filter((row) => 'gap' in row))
}

/** What can be seen without asking the database, which for some of these would only say that the bytes are wrong. */
function reasonToRefuse(row: StoredRow): string | undefined {
  try {
    if ('update' in row) assertStorableTick(row.update)
    if ('candle' in row) assertStorableCandle(row)
    return undefined
  } catch (error) {
    if (!isGatewayError(error, 'row_refused')) throw error
    return error.message
  }
}

/** Halves the rows until those to blame stand alone, trying each half in a transaction that is rolled back. */
async function findRefusals(source: ConnectionSource, rows: readonly StoredRow[]): Promise<readonly Refusal[]> {
  const error = await tryRows(source, rows)
  if (error === undefined) return []
  const [row] = rows
  if (rows.length === 1 && row) return [{ row, reason: toGatewayError(error).message }]
  const middle = rows.length >> 1
  return [...(await findRefusals(source, rows.slice(0, middle))), ...(await findRefusals(source, rows.slice(middle)))]
}

/** The data error that the rows cause, if any. */
async function tryRows(source: ConnectionSource, rows: readonly StoredRow[]): Promise<unknown> {
  try {
    await transaction(source, writeRows(rows, new Map(), Number.POSITIVE_INFINITY), 'rollback')
    return undefined
  } catch (error) {
    if (!isDataError(error)) throw error
    return error
  }
}
