import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { describeWithProgram } from '../../servers/describe.ts'
import { type FaultProxy, openFaultProxy } from '../../servers/fault-proxy.ts'
import type { LaunchedServer } from '../../servers/launch.ts'
import { redisBinary, startRedis } from '../../servers/redis.ts'
import { callDuring } from './callers.ts'
import { command, isLive, openTier, type RedisUnderTest, until } from './redis-under-test.ts'

const LOST = 'Redis unavailable, using memory fallback'
const BACK = 'Redis is back'
const BACK_WITHIN_MS = 1_000
const LONGEST_MS = 250

describeWithProgram('With Redis', redisBinary(process.env), (binary) => {
  let server: LaunchedServer
  let proxy: FaultProxy
  let opened: RedisUnderTest

  beforeAll(async () => {
    server = await startRedis(binary)
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    proxy = await openFaultProxy(Number(new URL(server.url).port))
    opened = openTier(proxy.through(server.url))
  })
  afterEach(async () => {
    await opened.close()
    await proxy.close()
  })

  const lines = () => opened.lines.map(({ level, message }) => `${level} ${message}`)
  /** Live, and a value that is written is read. */
  const isUsed = async () => {
    const isWritten = await opened.tier.setAll([{ key: 'used', text: '1', seconds: 9 }])
    const found = await opened.tier.get('used')
    return isWritten && typeof found === 'object' && found.text === '1'
  }

  /** Nothing throws or takes long during an outage, which is told once, and Redis is used soon after it. */
  async function expectToSurvive(begin: () => unknown, end: () => unknown, outageMs = 1_200): Promise<void> {
    await until(() => isLive(opened.tier))
    const outage = async () => {
      await delay(50)
      await begin()
      await delay(outageMs)
      expect(opened.tier.status.state).toBe('down')
    }
    const { slowestMs, count, answered, thrown } = await callDuring(opened.tier, outage())
    expect(thrown).toEqual([])
    expect(slowestMs).toBeLessThan(LONGEST_MS)
    expect(count).toBeGreaterThan(100)
    expect(answered).toBeGreaterThan(10)
    await end()
    expect(await until(isUsed)).toBeLessThan(BACK_WITHIN_MS)
    expect(lines()).toEqual([`warn ${LOST}`, `info ${BACK}`])
  }

  test('killed and started again, nothing waits and it is used within a second', async () => {
    await expectToSurvive(
      () => server.halt('SIGKILL'),
      () => server.revive(),
    )
  })

  test('hanging, nothing waits and it is used within a second of going on', async () => {
    await expectToSurvive(
      () => server.signal('SIGSTOP'),
      () => server.signal('SIGCONT'),
    )
  })

  test.each(['black-hole', 'refuse', 'reset', 'stall'] as const)(
    'behind a wire that does %s, nothing waits and it is used within a second',
    async (fault) => {
      await expectToSurvive(
        () => proxy.set(fault),
        () => proxy.set('pass'),
      )
    },
  )

  test('slower than a command may take it is not used, nothing waits, and it is used within a second of being fast', async () => {
    await expectToSurvive(
      () => proxy.set({ kind: 'delay', ms: 150 }),
      () => proxy.set('pass'),
    )
  })

  test('20 ms away it is used all the time', async () => {
    await proxy.set({ kind: 'delay', ms: 10 })
    await until(() => isLive(opened.tier))
    const { slowestMs, thrown } = await callDuring(opened.tier, delay(500))
    expect(thrown).toEqual([])
    expect(slowestMs).toBeLessThan(LONGEST_MS)
    expect(opened.tier.stats).toMatchObject({ failed: 0, outages: 0 })
  })

  test('behind a narrow wire, values too big for it are not waited for', async () => {
    await until(() => isLive(opened.tier))
    await opened.tier.setAll([{ key: 'big', text: 'x'.repeat(500_000), seconds: 60 }])
    await proxy.set({ kind: 'throttle', bytesPerSecond: 100_000 })
    const read = async () => {
      for (const end = performance.now() + 1_000; performance.now() < end; await delay(2)) await opened.tier.get('big')
    }
    const { slowestMs, thrown } = await callDuring(opened.tier, read())
    expect(thrown).toEqual([])
    expect(slowestMs).toBeLessThan(LONGEST_MS)
    await proxy.set('pass')
    expect(await until(isUsed)).toBeLessThan(BACK_WITHIN_MS)
    expect(await opened.tier.get('big')).toMatchObject({ text: 'x'.repeat(500_000) })
  })

  test('pausing for longer than a call may take, calls are not sent for a moment, and that is no outage', async () => {
    await until(() => isLive(opened.tier))
    // Redis ends it up to 100 ms late.
    await command(server.url, 'CLIENT', 'PAUSE', '170', 'ALL')
    expect(await opened.tier.get('used')).toBe('unavailable')
    const startedAt = performance.now()
    expect(await opened.tier.get('used')).toBe('unavailable')
    expect(performance.now() - startedAt).toBeLessThan(100)
    expect(await until(isUsed)).toBeLessThan(BACK_WITHIN_MS)
    expect(opened.tier.stats.outages).toBe(0)
    expect(lines()).toEqual([])
  })

  test('gone while nobody asks anything, that is noticed all the same', async () => {
    await until(() => isLive(opened.tier))
    await proxy.set('black-hole')
    expect(await until(() => opened.tier.status.state === 'down')).toBeLessThan(1_500)
    expect(opened.tier.status.reason).toBe('it did not answer in time')
  })

  test('absent at the start, calls are answered at once, and it is used within a second of its coming', async () => {
    await opened.close()
    await proxy.set('refuse')
    opened = openTier(proxy.through(server.url))
    const told: string[] = []
    opened.tier.onStatus(({ state, reason }) => told.push(`${state} ${reason}`))
    const { slowestMs, thrown } = await callDuring(opened.tier, delay(500))
    expect(thrown).toEqual([])
    expect(slowestMs).toBeLessThan(100)
    expect(opened.tier.stats).toMatchObject({ answered: 0, failed: 0, outages: 1 })
    expect(opened.tier.status).toMatchObject({ state: 'down', reason: 'the connection failed: ECONNREFUSED' })
    await proxy.set('pass')
    expect(await until(isUsed)).toBeLessThan(BACK_WITHIN_MS)
    expect(told).toEqual(['down the connection failed: ECONNREFUSED', 'live undefined'])
    expect(lines()).toEqual([`warn ${LOST}`, `info ${BACK}`])
  })

  test('down, then hanging, 20,000 writes of 100 KB are answered and keep little memory', async () => {
    await until(() => isLive(opened.tier))
    const entry = { key: 'written', text: 'x'.repeat(100_000), seconds: 30 }
    const write = () => Promise.all(Array.from({ length: 20_000 }, () => opened.tier.setAll([entry])))

    await proxy.set('refuse')
    await until(() => opened.tier.status.state === 'down')
    const { skipped } = opened.tier.stats
    expect((await write()).some((written) => written)).toBe(false)
    expect(opened.tier.stats.skipped - skipped).toBe(20_000)

    await proxy.set('pass')
    await until(() => isLive(opened.tier))
    server.signal('SIGSTOP')
    const before = process.memoryUsage()
    const written = await write()
    expect(written.some((one) => one)).toBe(false)
    expect(opened.tier.stats.overflowed).toBeGreaterThan(19_000)
    const after = process.memoryUsage()
    expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(100 * 2 ** 20)
    server.signal('SIGCONT')
    expect(await until(isUsed)).toBeLessThan(BACK_WITHIN_MS)
  })

  test('hanging, its connections are closed at once', async () => {
    await until(() => isLive(opened.tier))
    await proxy.set('black-hole')
    const asked = opened.tier.get('used')
    const startedAt = performance.now()
    await opened.close()
    expect(performance.now() - startedAt).toBeLessThan(100)
    expect(await asked).toBe('unavailable')
    await until(() => proxy.counters.open === 0)
    expect(performance.now() - startedAt).toBeLessThan(LONGEST_MS)
    expect(await opened.tier.get('used')).toBe('unavailable')
    expect(lines()).toEqual([])
  })
})
