import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { OwedDeletions } from '../../../src/tiers/redis/owed-deletions.ts'
import { describeWithProgram } from '../../servers/describe.ts'
import { type FaultProxy, openFaultProxy } from '../../servers/fault-proxy.ts'
import type { LaunchedServer } from '../../servers/launch.ts'
import { redisBinary, startRedis } from '../../servers/redis.ts'
import { command, isLive, openTier, type RedisUnderTest, until } from './redis-under-test.ts'

describeWithProgram('A deletion', redisBinary(process.env), (binary) => {
  let server: LaunchedServer
  let proxy: FaultProxy
  let near: RedisUnderTest
  let far: RedisUnderTest
  /** What the far process, behind the proxy, is told. */
  let heard: (string | undefined)[]

  beforeAll(async () => {
    server = await startRedis(binary)
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    proxy = await openFaultProxy(Number(new URL(server.url).port))
    near = openTier(server.url)
    far = openTier(proxy.through(server.url))
    heard = []
    far.tier.onDeleted((key) => heard.push(key))
    await until(() => isLive(near.tier) && isLive(far.tier) && heard.length === 1)
    expect(heard.splice(0)).toEqual([undefined])
  })
  afterEach(async () => {
    await near.close()
    await far.close()
    await proxy.close()
  })

  test.each(['refuse', 'black-hole'] as const)(
    'that another process could not hear of (%s) is told as one that may have been missed',
    async (fault) => {
      await proxy.set(fault)
      await until(() => far.tier.status.state === 'down')
      expect(await near.tier.delete('missed')).toBe(true)
      await proxy.set('pass')
      await until(() => heard.length > 0, 3_000)
      expect(heard).toEqual([undefined])
      await near.tier.delete('heard')
      await until(() => heard.length > 1)
      expect(heard).toEqual([undefined, 'heard'])
    },
  )

  test('is heard again after the wire was dead while nobody asked anything', async () => {
    await proxy.set('black-hole')
    await until(() => far.tier.status.state === 'down')
    await proxy.set('pass')
    // The listening connection of before is silent for ever: only a new one hears.
    await until(async () => (await near.tier.delete('heard')) && heard.includes('heard'), 3_000)
    await until(() => heard.includes(undefined))
  })

  test('that could not be made is made when Redis is back, before anything else is asked', async () => {
    await far.tier.setAll([
      { key: 'gone', text: 'old', seconds: 60 },
      { key: 'kept', text: 'old', seconds: 60 },
    ])
    await proxy.set('refuse')
    await until(() => far.tier.status.state === 'down')
    expect(await far.tier.delete('gone')).toBe(false)
    const found: unknown[] = []
    far.tier.onStatus(({ state }) => {
      if (state === 'live') found.push(far.tier.get('gone'), far.tier.get('kept'))
    })
    const told: (string | undefined)[] = []
    near.tier.onDeleted((key) => told.push(key))
    await proxy.set('pass')
    await until(() => isLive(far.tier))
    expect(await Promise.all(found)).toEqual([undefined, expect.objectContaining({ text: 'old' })])
    await until(() => told.includes('gone'))
    expect(await command(server.url, 'GET', 'gone')).toBeNull()
  })
})

test('deletions that are owed are bounded, and those that fail again stay owed', async () => {
  const made: string[] = []
  let works = false
  const owed = new OwedDeletions(async (keys) => {
    if (works) made.push(...keys)
    return works
  })
  for (let index = 0; index < 10_003; index += 1) owed.add(`key:${index}`)
  await owed.settle()
  works = true
  await owed.settle()
  expect(made).toHaveLength(10_000)
  expect(made[0]).toBe('key:3')
  await owed.settle()
  expect(made).toHaveLength(10_000)
})
