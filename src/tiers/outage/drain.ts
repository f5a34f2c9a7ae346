import { type BackoffBounds, fullJitterMs, pause } from '../../base/backoff.ts'
import { describeError, isGatewayError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Batch } from '../database/database.ts'
import type { Spool } from '../spool/spool.ts'

export interface DrainPorts {
  readonly spool: Spool
  /** Commits a batch in the database. */
  readonly write: (batch: Batch) => Promise<void>
  /** Told of every try: what went wrong, or that it was committed. */
  readonly onTried: (error?: unknown) => void
  /** Between two tries while the database is away. */
  readonly retry: BackoffBounds
  readonly log: Pick<Log, 'warn' | 'info'>
}

/** Ticks in a transaction, about: one is as fast as larger ones, and holds up no other writer for long. */
const DRAIN_TICKS = 5_000

/**
 * Moves what waits into the database, the oldest first, as often as it takes. Resolves when nothing waits: in the turn
 * in which that was seen; with false on abort.
 */
export async function drain(ports: DrainPorts, signal: AbortSignal): Promise<boolean> {
  const { spool, onTried, retry, log } = ports
  let failures = 0
  while (!signal.aborted && !spool.isEmpty) {
    try {
      const next = await spool.next(DRAIN_TICKS)
      if (next === undefined || signal.aborted) continue
      await writeOnce(next.batch)
      if (failures > 0) log.info({ ...spool.stats }, 'the database is back, what waits is being stored')
      failures = 0
      await next.release()
    } catch (error) {
      // Said once: the first tries follow closely, as a server that restarts is missed for a moment only.
      if (failures === 0) log.warn({ reason: describeError(error), ...spool.stats }, 'what waits is not stored yet')
      await pause(fullJitterMs(failures++, retry), signal)
    }
  }
  return !signal.aborted

  async function writeOnce(batch: Batch): Promise<void> {
    try {
      await ports.write(batch)
      onTried()
    } catch (error) {
      onTried(error)
      // All the others of the batch are stored, and whoever opened the database was told of the row.
      if (!isGatewayError(error, 'row_refused')) throw error
    }
  }
}
