import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWithProgram } from '../../servers/describe.ts'
import { type Fault, openFaultProxy } from '../../servers/fault-proxy.ts'
import type { LaunchedServer } from '../../servers/launch.ts'
import { redisBinary, startRedis } from '../../servers/redis.ts'
import { callDuring } from './callers.ts'
import { isLive, openTier, until } from './redis-under-test.ts'

/** What may happen to the wire, or to the server. */
type Happening = Fault | 'hang' | 'kill'

const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.constantFrom(
    ...(['pass', 'refuse', 'reset', 'black-hole', 'stall'] as const).map((kind) => ({ kind })),
    ...(['hang', 'kill'] as const),
  ),
  fc.integer({ min: 1, max: 400 }).map((ms) => ({ kind: 'delay' as const, ms })),
  fc.integer({ min: 500, max: 100_000 }).map((bytesPerSecond) => ({ kind: 'throttle' as const, bytesPerSecond })),
)
const schedule = fc.array(fc.tuple(happening, fc.integer({ min: 20, max: 350 })), { minLength: 2, maxLength: 7 })

describeWithProgram('Whatever happens to Redis', redisBinary(process.env), (binary) => {
  let server: LaunchedServer

  beforeAll(async () => {
    server = await startRedis(binary)
  })
  afterAll(() => server.stop())

  test('no call throws or waits, every outage that is told ends in the log, and it is used within a second', async () => {
    await fc.assert(
      fc.asyncProperty(schedule, async (happenings) => {
        const proxy = await openFaultProxy(Number(new URL(server.url).port))
        const { tier, lines, close } = openTier(proxy.through(server.url))
        let undo: () => unknown = () => undefined
        const happen = async () => {
          for (const [what, ms] of happenings) {
            await undo()
            undo = await begin(what, proxy.set)
            await delay(ms)
          }
          await undo()
          await proxy.set('pass')
        }
        try {
          const { slowestMs, thrown } = await callDuring(tier, happen())
          expect(thrown).toEqual([])
          expect(slowestMs).toBeLessThan(250)
          const backMs = await until(() => tier.setAll([{ key: 'used', text: '1', seconds: 9 }]))
          expect(backMs).toBeLessThan(1_000)
          expect(isLive(tier)).toBe(true)
          const told = lines.filter(({ message }) => message !== 'Redis refused a command').map(({ level }) => level)
          expect(told).toEqual(told.map((_, index) => (index % 2 === 0 ? 'warn' : 'info')))
          expect(told.length % 2).toBe(0)
        } finally {
          await close()
          await proxy.close()
        }
      }),
      { numRuns: 6 },
    )
  }, 60_000)

  /** Returns what ends it. */
  async function begin(what: Happening, set: (fault: Fault) => Promise<void>): Promise<() => unknown> {
    if (what === 'hang') {
      server.signal('SIGSTOP')
      return () => server.signal('SIGCONT')
    }
    if (what === 'kill') {
      await server.halt('SIGKILL')
      return () => server.revive()
    }
    await set(what)
    return () => undefined
  }
})
