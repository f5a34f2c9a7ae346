import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { RedisTier } from '../../../src/tiers/redis/redis-tier.ts'

export interface Calls {
  /** The longest that a call took, less what this process itself was late. */
  readonly slowestMs: number
  readonly count: number
  /** Those that Redis answered. */
  readonly answered: number
  /** What was thrown; nothing may be. */
  readonly thrown: readonly unknown[]
}

/** Calls everything, over and over, while `meanwhile` runs; resolves when every call is answered. */
export async function callDuring(tier: RedisTier, meanwhile: Promise<unknown>): Promise<Calls> {
  const lag = monitorEventLoopDelay({ resolution: 5 })
  lag.enable()
  let isOver = false
  let slowestMs = 0
  const thrown: unknown[] = []
  const { answered } = tier.stats
  const calls: Promise<void>[] = []
  const time = async (call: () => Promise<unknown>) => {
    const startedAt = performance.now()
    try {
      await call()
    } catch (error) {
      thrown.push(error)
    }
    slowestMs = Math.max(slowestMs, performance.now() - startedAt)
  }
  const over = meanwhile.finally(() => {
    isOver = true
  })
  for (let round = 0; !isOver; round += 1) {
    calls.push(...everyCall(tier, round).map(time))
    await delay(5)
  }
  await over
  await Promise.all(calls)
  lag.disable()
  const lateMs = Math.max(0, lag.max / 1e6 - 5)
  return { slowestMs: slowestMs - lateMs, count: calls.length, answered: tier.stats.answered - answered, thrown }
}

function everyCall(tier: RedisTier, round: number): readonly (() => Promise<unknown>)[] {
  const entry = { key: `called:${round % 10}`, text: `${round}`, seconds: 30 }
  return [
    () => tier.get(entry.key),
    () => tier.setAll([entry]),
    () => tier.getOrLock(`locked:${round}`, 'a', 100),
    () => tier.fill({ ...entry, key: `locked:${round}` }, 'a'),
    () => tier.unlock(entry.key, 'a'),
    () => tier.delete(entry.key),
    () => tier.discard(entry.key),
    () => tier.scan('called:*', 100),
    () => tier.remaining([entry.key]),
  ]
}
