import { type BackoffBounds, fullJitterMs, pause } from '../../base/backoff.ts'
import { describeError, isGatewayError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Update } from '../../market/tick.ts'
import type { Batch, Database } from '../../tiers/database/database.ts'
import { isStorable } from '../../tiers/database/refusals.ts'
import type { Placed } from './place.ts'

export interface StoreFirstPorts {
  readonly database: Pick<Database, 'write'>
  /** Between two tries. */
  readonly retry: BackoffBounds
  /** Nothing of the feed goes on until its ticks are stored; then it does. */
  readonly onHeldUp: (isHeldUp: boolean) => void
  /** It will never be stored. */
  readonly onRefused: (update: Update) => void
  readonly log: Log
}

/**
 * Resolves when these ticks are durable, with those that are: the database may refuse some for good. It is tried until
 * then, with the same ids, as a write whose answer was lost may have been one. Nothing when `signal` aborts before.
 */
export async function storeFirst(
  placed: readonly Placed[],
  ports: StoreFirstPorts,
  signal: AbortSignal,
): Promise<readonly Placed[]> {
  const { retry, onHeldUp, onRefused, log } = ports
  // While a database is away nobody refuses them, but the day will come.
  const refused = new Set(
    placed.filter((each) => !isStorable(each.instrument, each.update)).map(({ update }) => update),
  )
  const batch: Batch = {
    ticks: placed,
    candles: [],
    gaps: [],
    onRefused: (update) => refused.add(update),
  }
  for (let attempt = 0; ; attempt++) {
    try {
      if (!(await writeUnlessAborted(batch, ports, signal))) return []
      if (attempt > 0) onHeldUp(false)
      if (attempt > 0) log.info({ ticks: placed.length, attempt }, 'polled ticks are stored again')
      break
    } catch (error) {
      if (attempt === 0) {
        log.warn({ ticks: placed.length, reason: describeError(error) }, 'polled ticks wait: they are stored first')
        onHeldUp(true)
      }
      if (!(await pause(fullJitterMs(attempt, retry), signal))) return []
    }
  }
  for (const update of refused) onRefused(update)
  return refused.size === 0 ? placed : placed.filter(({ update }) => !refused.has(update))
}

/** False when `signal` aborts first: a database that does not answer holds up nobody who stops. */
async function writeUnlessAborted(batch: Batch, { database }: StoreFirstPorts, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false
  const over = new AbortController()
  const written = database.write(batch).then(
    () => true,
    (error: unknown) => {
      // All the others of the batch are stored.
      if (isGatewayError(error, 'row_refused')) return true
      throw error
    },
  )
  const aborted = new Promise<false>((resolve) => {
    signal.addEventListener('abort', () => resolve(false), { once: true, signal: over.signal })
  })
  try {
    return await Promise.race([written, aborted])
  } finally {
    over.abort()
    written.catch(() => {})
  }
}
