import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWithRedis } from '../../servers/describe.ts'
import { command, isLive, openTier, type RedisUnderTest, until } from './redis-under-test.ts'

describeWithRedis('Redis', ({ url, keyPrefix }) => {
  const keys = Array.from({ length: 8 }, (_, index) => `${keyPrefix}commands:${index}`)
  const key = (index: number) => keys[index] ?? ''
  let one: RedisUnderTest
  let other: RedisUnderTest

  beforeAll(async () => {
    const channel = `${keyPrefix}deleted`
    one = openTier(url, { channel })
    other = openTier(url, { channel })
    await until(() => isLive(one.tier) && isLive(other.tier))
  })
  afterAll(async () => {
    await one.close()
    await other.close()
  })

  test('keeps many values in one batch, each with its life, as text that a person can read', async () => {
    const entries = Array.from({ length: 1_200 }, (_, index) => ({
      key: `${keyPrefix}many:${index}`,
      text: `{"v":1,"price":${index}}`,
      seconds: index % 2 === 0 ? 30 : 300,
    }))
    expect(await one.tier.setAll(entries)).toBe(true)
    expect(await command(url, 'GET', `${keyPrefix}many:7`)).toBe('{"v":1,"price":7}')
    expect(await command(url, 'GET', `${keyPrefix}many:1198`)).toBe('{"v":1,"price":1198}')
    const lives = await one.tier.remaining([`${keyPrefix}many:7`, `${keyPrefix}many:1198`])
    expect(lives).toEqual([expect.closeTo(300_000, -3.5), expect.closeTo(30_000, -3.5)])
    expect(one.tier.stats).toMatchObject({ batches: 1, keysWritten: 1_200 })
    expect(await one.tier.setAll([])).toBe(true)
  })

  test('keeps keys and texts in whatever letters, lines and lengths', async () => {
    const entries = ['', 'a\r\nb', 'ß€😀', 'x'.repeat(100_000)].map((text, index) => {
      return { key: `${keyPrefix}ß€😀:${index}`, text, seconds: 10 }
    })
    expect(await one.tier.setAll(entries)).toBe(true)
    for (const { key, text } of entries) expect(await other.tier.get(key)).toMatchObject({ text })
  })

  test('keeps what comes last of a key that is in a batch twice', async () => {
    const old = { key: key(0), text: 'old', seconds: 100 }
    await one.tier.setAll([old, { key: key(1), text: '1', seconds: 10 }, { ...old, text: 'new' }])
    expect(await one.tier.get(key(0))).toMatchObject({ text: 'new' })
    await one.tier.delete(key(1))
  })

  test('gives a value with what is left of its life, and nothing for what is not there', async () => {
    await one.tier.setAll([{ key: key(0), text: '0', seconds: 100 }])
    expect(await other.tier.get(key(0))).toEqual({ text: '0', remainingMs: expect.closeTo(100_000, -3.5) })
    expect(await one.tier.get(key(1))).toBeUndefined()
  })

  test('takes a value without an end of its life for none, and puts one with an end in its place', async () => {
    await command(url, 'SET', key(2), '"for ever"')
    expect(await one.tier.get(key(2))).toBeUndefined()
    expect(await one.tier.remaining([key(2), key(1)])).toEqual([Number.POSITIVE_INFINITY, undefined])
    expect(await one.tier.getOrLock(key(2), 'a', 1_000)).toEqual({ outcome: 'locked' })
    expect(await one.tier.fill({ key: key(2), text: '1', seconds: 10 }, 'a')).toBe('filled')
    expect(await one.tier.get(key(2))).toMatchObject({ text: '1' })
  })

  test('lets one load: it renews its lock, the others are told, and what it fills is found', async () => {
    expect(await one.tier.getOrLock(key(3), 'a', 60)).toEqual({ outcome: 'locked' })
    expect(await other.tier.getOrLock(key(3), 'b', 60)).toEqual({ outcome: 'busy' })
    expect(await other.tier.renew(key(3), 'b', 5_000)).toBe('lost')
    expect(await one.tier.renew(key(3), 'a', 5_000)).toBe('renewed')
    const [left] = (await one.tier.remaining([`lock:${key(3)}`])) ?? []
    expect(left).toBeGreaterThan(1_000)
    expect(await one.tier.fill({ key: key(3), text: '[]', seconds: 10 }, 'a')).toBe('filled')
    expect(await other.tier.getOrLock(key(3), 'b', 60)).toMatchObject({ outcome: 'found', value: { text: '[]' } })
    expect(await one.tier.remaining([`lock:${key(3)}`])).toEqual([undefined])
  })

  test('refuses to fill what was set, deleted, or locked by somebody else meanwhile', async () => {
    const entry = { key: key(4), text: 'old', seconds: 10 }
    await one.tier.getOrLock(key(4), 'a', 5_000)
    await other.tier.setAll([{ ...entry, text: 'new' }])
    expect(await one.tier.fill(entry, 'a')).toBe('refused')
    expect(await one.tier.get(key(4))).toMatchObject({ text: 'new' })

    await other.tier.delete(key(4))
    await one.tier.getOrLock(key(4), 'a', 5_000)
    await other.tier.delete(key(4))
    expect(await one.tier.fill(entry, 'a')).toBe('refused')
    expect(await other.tier.getOrLock(key(4), 'b', 5_000)).toEqual({ outcome: 'locked' })
    expect(await one.tier.fill(entry, 'a')).toBe('refused')
    expect(await one.tier.get(key(4))).toBeUndefined()
  })

  test('gives a lock back only to who holds it; one that is forgotten ends by itself', async () => {
    await one.tier.getOrLock(key(5), 'a', 50)
    await other.tier.unlock(key(5), 'b')
    expect(await other.tier.getOrLock(key(5), 'b', 50)).toEqual({ outcome: 'busy' })
    await one.tier.unlock(key(5), 'a')
    expect(await other.tier.getOrLock(key(5), 'b', 50)).toEqual({ outcome: 'locked' })
    await until(async () => (await one.tier.getOrLock(key(5), 'a', 50)).outcome === 'locked')
  })

  test('finds keys by a pattern, each once and no more than asked for', async () => {
    const scanned = await one.tier.scan(`${keyPrefix}many:*`, 5_000)
    expect(new Set(scanned)).toEqual(new Set(Array.from({ length: 1_200 }, (_, index) => `${keyPrefix}many:${index}`)))
    expect(scanned).toHaveLength(1_200)
    expect(await one.tier.scan(`${keyPrefix}many:*`, 10)).toHaveLength(10)
    expect(await one.tier.scan(`${keyPrefix}none:*`, 10)).toEqual([])
  })

  test('tells the deletions of others, and never our own', async () => {
    const heard: [string, string | undefined][] = []
    const ends = [one, other].map(({ tier }, index) => tier.onDeleted((name) => heard.push([`tier ${index}`, name])))
    await command(url, 'PUBLISH', `${keyPrefix}deleted`, 'not ours')
    await one.tier.discard(key(5))
    await one.tier.delete(key(6))
    await until(() => heard.length > 0)
    await other.tier.delete(key(7))
    await until(() => heard.length > 1)
    expect(heard).toEqual([
      ['tier 1', key(6)],
      ['tier 0', key(7)],
    ])
    for (const end of ends) end()
  })

  test('does what one process asks in the order of the calls, also when its scripts are forgotten', async () => {
    for (let round = 0; round < 20; round += 1) {
      void one.tier.setAll([{ key: key(0), text: String(round), seconds: 10 }])
      if (round % 2 === 0) void command(url, 'SCRIPT', 'FLUSH')
      void one.tier.delete(key(0))
      const found = one.tier.get(key(0))
      void one.tier.setAll([{ key: key(0), text: String(round), seconds: 10 }])
      expect(await found).toBeUndefined()
    }
    expect(await one.tier.get(key(0))).toMatchObject({ text: '19' })
  })

  test('tells of a list under a key as of a text that nobody has written, which can be discarded', async () => {
    await command(url, 'RPUSH', key(1), 'a list')
    await command(url, 'EXPIRE', key(1), '10')
    expect(await one.tier.get(key(1))).toEqual({ text: '', remainingMs: expect.closeTo(10_000, -3.5) })
    expect(await one.tier.getOrLock(key(1), 'a', 50)).toMatchObject({ outcome: 'found', value: { text: '' } })
    expect(await one.tier.discard(key(1))).toBe(true)
    expect(await one.tier.getOrLock(key(1), 'a', 50)).toEqual({ outcome: 'locked' })
    await one.tier.delete(key(1))
  })

  test('takes a list without an end of its life for nothing, and puts a value in its place', async () => {
    await command(url, 'RPUSH', key(1), 'a list')
    expect(await one.tier.get(key(1))).toBeUndefined()
    expect(await one.tier.getOrLock(key(1), 'a', 5_000)).toEqual({ outcome: 'locked' })
    expect(await one.tier.fill({ key: key(1), text: '1', seconds: 10 }, 'a')).toBe('filled')
    expect(await one.tier.get(key(1))).toMatchObject({ text: '1' })
  })

  test('goes on after commands that it refuses, and tells of them once a second at most', async () => {
    await command(url, 'RPUSH', `lock:${key(2)}`, 'a list')
    for (let call = 0; call < 50; call += 1) await one.tier.unlock(key(2), 'a')
    expect(one.tier.status.state).toBe('live')
    const told = one.lines.filter(({ message }) => message === 'Redis refused a command')
    expect(told.length).toBeLessThan(5)
    expect(told[0]).toMatchObject({
      level: 'warn',
      fields: { calls: 1, reason: 'it answered with an error: WRONGTYPE' },
    })
    await command(url, 'DEL', `lock:${key(2)}`)
    expect(await one.tier.setAll([{ key: key(2), text: '2', seconds: 10 }])).toBe(true)
    expect(await one.tier.get(key(2))).toMatchObject({ text: '2' })
  })
})
