import { writeCandles } from './candle-writer.ts'
import { findConflicts } from './conflicts.ts'
import { type ConnectionSource, type Statement, transaction } from './connection.ts'
import { writeGaps } from './gap-writer.ts'
import { findObservationConflicts, writeObservations } from './observation-writer.ts'
import { findRefusals, findUnstorable, type Refusal, type StoredBatch, withoutRefused } from './refusals.ts'
import { codeOf, isDataError, toGatewayError, UNIQUE_VIOLATION } from './sqlstate.ts'
import { findStored } from './stored-ticks.ts'
import { filterTicks, sortTicks, type TickGroup } from './tick-groups.ts'
import { writeMaybeStoredTicks, writeNewTicks } from './tick-writer.ts'

/** What of a batch is not stored. */
export interface NotStored {
  readonly refused: readonly Refusal[]
  /** Ticks whose ids are stored with another content: the first one stays. */
  readonly conflicts: readonly Refusal[]
}

export interface BatchWriter {
  /** Commits all rows but those the database refuses, in one transaction. */
  write(batch: StoredBatch, giveUp?: AbortSignal): Promise<NotStored>
  /** Tells the newest stored id of an instrument: above it, ticks go the fast way. */
  stored(instrumentId: number, newestId: number | undefined): void
}

export function createBatchWriter(source: ConnectionSource): BatchWriter {
  const newestIds = new Map<number, number>()

  const commit = async (batch: StoredBatch, giveUp?: AbortSignal) => {
    const ticks = sortTicks(batch.ticks)
    const observed = await findObservationConflicts(source, batch.observations)
    const write = async (ofTicks: readonly Statement[]) => {
      const statements = [...ofTicks, ...writeOthers(batch)]
      if (statements.length > 0) await transaction(source, statements, 'commit', giveUp)
    }
    const compareAndWrite = async (maybeStored: readonly TickGroup[]) => {
      const known = await findStored(source, maybeStored)
      const isKnown = new Set(known.map(({ update }) => update))
      await write(writeNewTicks(isKnown.size === 0 ? ticks : filterTicks(ticks, (update) => !isKnown.has(update))))
      return findConflicts(known)
    }
    const conflicts = await withoutCollision([
      () => compareAndWrite(notAbove(ticks, newestIds)),
      // Another process stored one of the new ticks: ask for all of them.
      () => compareAndWrite(ticks),
      // It still does: each is compared with what is there in the very statement that stores it.
      () => write(writeMaybeStoredTicks(ticks)).then(() => []),
    ])
    for (const { instrumentId, updates } of ticks) {
      newestIds.set(instrumentId, Math.max(newestIds.get(instrumentId) ?? -1, updates.at(-1)?.id ?? -1))
    }
    return [...conflicts, ...observed]
  }

  return {
    stored(instrumentId, newestId) {
      if (newestId !== undefined) newestIds.set(instrumentId, newestId)
    },
    async write(batch, giveUp) {
      const unstorable = findUnstorable(batch)
      const storable = withoutRefused(batch, unstorable)
      try {
        return { refused: unstorable, conflicts: await commit(storable, giveUp) }
      } catch (error) {
        if (!isDataError(error)) throw error
        const refused = await findRefusals(storable, (part) => tryBatch(source, part))
        const conflicts = await commit(withoutRefused(storable, refused), giveUp)
        return { refused: [...unstorable, ...refused], conflicts }
      }
    },
  }
}

/** Tries one way after the other as long as a unique key is in the way. */
async function withoutCollision<Answer>([way, ...others]: readonly (() => Promise<Answer>)[]): Promise<Answer> {
  try {
    return await way!()
  } catch (error) {
    if (codeOf(error) !== UNIQUE_VIOLATION || others.length === 0) throw error
    return withoutCollision(others)
  }
}

/** Of sorted ticks, those that are not above everything stored of their instrument. */
function notAbove(ticks: readonly TickGroup[], newestIds: ReadonlyMap<number, number>): readonly TickGroup[] {
  const newest = (instrumentId: number) => newestIds.get(instrumentId) ?? -1
  const reaching = ticks.filter(({ instrumentId, updates }) => (updates[0]?.id ?? 0) <= newest(instrumentId))
  return filterTicks(reaching, ({ id }, instrumentId) => id <= newest(instrumentId))
}

function* writeOthers({ observations, candles, gaps }: StoredBatch): Generator<Statement> {
  yield* writeObservations(observations)
  yield* writeCandles(candles)
  yield* writeGaps(gaps)
}

/** What the database says of the rows, in a transaction that is rolled back. */
async function tryBatch(source: ConnectionSource, batch: StoredBatch): Promise<string | undefined> {
  try {
    const ofTicks = writeMaybeStoredTicks(sortTicks(batch.ticks))
    await transaction(source, [...ofTicks, ...writeOthers(batch)], 'rollback')
    return undefined
  } catch (error) {
    if (!isDataError(error)) throw error
    return toGatewayError(error).message
  }
}
