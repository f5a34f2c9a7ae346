import type { Clock } from '../../base/clock.ts'
import { GatewayError } from '../../base/errors.ts'
import type { CacheKey } from './cache-keys.ts'
import type { CacheCounts } from './cache-stats.ts'
import type { Flight } from './flights.ts'
import type { FoundInRedis, RedisValues } from './redis-values.ts'

/** A lock lives so long after its holder has died; a holder that lives renews it three times in this time. */
export const LOCK_MS = 1_000
/** A load that takes longer has failed: those who wait for it are told. */
export const LOAD_WITHIN_MS = 10_000
/** Longer than any load: who waits for another process loads itself only when something is wrong with all of them. */
export const WAIT_AT_MOST_MS = LOAD_WITHIN_MS + 2 * LOCK_MS

const ASK_AGAIN_AFTER_MS = 5
const ASK_AGAIN_JITTER_MS = 10

/** One load of one key in this process, for all who want it. */
export interface Load<Value> {
  readonly key: CacheKey<Value>
  readonly load: () => Promise<Value | undefined>
  /** Known to nobody else. */
  readonly token: string
  readonly flight: Flight
}

export interface LoadPorts {
  readonly redis: RedisValues
  readonly clock: Clock
  /** At least 0, below 1. */
  readonly random: () => number
  readonly counts: CacheCounts['database']
}

/** What a load brought, and what is to become of it in Redis. */
export type Loaded<Value> =
  /** The key was set or deleted while another process was waited for: there may be a newer value, and nothing was loaded. */
  | { readonly from: 'nowhere' }
  | { readonly from: 'redis'; readonly found: FoundInRedis<Value> }
  | { readonly from: 'database'; readonly value: Value | undefined; readonly redis: TellRedis }

/**
 * `nothing`: it is away, or has what it needs. `overwrite`: what is there may be older. A promise: it is
 * being told; false when it refused, because the value is the older one by now. `overtaken`: that is known already.
 */
export type TellRedis = 'nothing' | 'overwrite' | 'overtaken' | Promise<boolean>

/**
 * Brings a key's value, so that of all processes on one Redis one loads: it has the key's lock, and the others ask
 * again until the value is there. A lock whose holder has died runs out, and the next one loads. Without Redis every
 * process loads for itself. @throws what `load` throws; GatewayError tier_unavailable when it takes too long
 */
export async function loadOnce<Value>(load: Load<Value>, ports: LoadPorts): Promise<Loaded<Value>> {
  const { redis, clock, random } = ports
  let foreign = 0
  const giveUpAt = clock.now() + WAIT_AT_MOST_MS
  while (clock.now() < giveUpAt) {
    if (load.flight.isOvertaken) return { from: 'nowhere' }
    const got = await redis.getOrLock(load.key, load.token, LOCK_MS)
    if (got.outcome === 'found') return { from: 'redis', found: got.found }
    if (got.outcome === 'locked') return loadLocked(load, ports)
    if (got.outcome === 'unavailable') break
    // What is not ours makes place; whoever puts it there again and again is left alone.
    if (got.outcome === 'foreign' && (++foreign > 1 || !(await redis.discard(load.key)))) break
    if (got.outcome === 'busy') await pause(clock, ASK_AGAIN_AFTER_MS + random() * ASK_AGAIN_JITTER_MS)
  }
  return loadAlone(load, ports, 'nothing')
}

/** Without a lock: whoever does so knows that Redis cannot be asked, or must not be believed. */
export async function loadAlone<Value>(
  load: Load<Value>,
  ports: LoadPorts,
  redis: 'nothing' | 'overwrite',
): Promise<Loaded<Value>> {
  return { from: 'database', value: await loadWithin(load, ports), redis }
}

async function loadLocked<Value>(load: Load<Value>, ports: LoadPorts): Promise<Loaded<Value>> {
  const { key, token } = load
  const lock = keepLock(load, ports)
  let value: Value | undefined
  try {
    value = await loadWithin(load, ports)
  } finally {
    lock.stop()
    if (value === undefined || lock.isLost) void ports.redis.unlock(key, token)
  }
  if (value === undefined || lock.isLost) return { from: 'database', value, redis: 'overtaken' }
  return { from: 'database', value, redis: ports.redis.fill(key, value, token) }
}

/**
 * Renews the lock until it is stopped. It is lost when the key was set or deleted: here, which takes the lock away, so
 * that it must not be asked for again; or elsewhere.
 */
function keepLock({ key, token, flight }: Load<unknown>, { redis, clock }: LoadPorts) {
  let isSetElsewhere = false
  let cancel = () => {}
  const renewLater = () => {
    cancel = clock.after(LOCK_MS / 3, () => {
      if (flight.isOvertaken) return
      void redis.renew(key, token, LOCK_MS).then((isStillOurs) => {
        if (!isStillOurs) isSetElsewhere = true
      })
      renewLater()
    })
  }
  renewLater()
  return {
    get isLost(): boolean {
      return flight.isOvertaken || isSetElsewhere
    },
    stop: () => cancel(),
  }
}

/** The load itself, counted, timed and cut off. */
async function loadWithin<Value>({ key, load }: Load<Value>, ports: LoadPorts): Promise<Value | undefined> {
  const { clock } = ports
  const counts = ports.counts[key.kind]
  const start = performance.now()
  let cancel = () => {}
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(LOAD_WITHIN_MS, () => {
      reject(new GatewayError('tier_unavailable', `the load of ${key.name} must end within ${LOAD_WITHIN_MS} ms`))
    })
  })
  counts.loads += 1
  try {
    return await Promise.race([load(), late])
  } catch (error) {
    counts.failures += 1
    throw error
  } finally {
    cancel()
    counts.seconds.observe((performance.now() - start) / 1_000)
  }
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve)
  })
}
