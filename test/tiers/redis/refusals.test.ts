import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { describeWithProgram } from '../../servers/describe.ts'
import type { LaunchedServer } from '../../servers/launch.ts'
import { redisBinary, startRedis } from '../../servers/redis.ts'
import { callDuring } from './callers.ts'
import { command, isLive, openTier, type RedisUnderTest, until } from './redis-under-test.ts'

const SECRET = 'S3cret%20word'

describeWithProgram('Redis that does not serve', redisBinary(process.env), (binary) => {
  let server: LaunchedServer
  let opened: RedisUnderTest

  beforeAll(async () => {
    // Each key takes 5 ms to load, and whoever asks meanwhile is answered: slow enough to be watched.
    const slow = [
      '--key-load-delay',
      '5000',
      '--loading-process-events-interval-bytes',
      '1024',
      '--rdbcompression',
      'no',
    ]
    server = await startRedis(binary, ['--enable-debug-command', 'local', ...slow])
  })
  afterAll(() => server.stop())
  afterEach(() => opened.close())

  const config = (name: string, value: string) => command(server.url, 'CONFIG', 'SET', name, value)
  const isUsed = () => opened.tier.setAll([{ key: 'used', text: '1', seconds: 9 }])

  test.each([
    ['is a replica', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE'], /^READONLY: it is a replica/],
    ['is full', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0'], /^OOM: its memory is full/],
    [
      'has too few replicas',
      ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
      ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
      /^NOREPLICAS: /,
    ],
  ] as const)(
    'because it %s is down with the reason, and used within a second of its end',
    async (_, begin, end, reason) => {
      opened = openTier(server.url)
      await until(() => isLive(opened.tier))
      const states: string[] = []
      opened.tier.onStatus(({ state }) => states.push(state))
      const outage = async () => {
        await command(server.url, ...begin)
        await delay(700)
      }
      const { slowestMs, thrown } = await callDuring(opened.tier, outage())
      expect(thrown).toEqual([])
      expect(slowestMs).toBeLessThan(250)
      expect(opened.tier.status).toMatchObject({ state: 'down', reason: expect.stringMatching(reason) })
      await command(server.url, ...end)
      expect(await until(isUsed)).toBeLessThan(1_000)
      expect(states).toEqual(['down', 'live'])
      expect(opened.lines.map(({ level }) => level)).toEqual(['warn', 'info'])
    },
  )

  test('because it is loading is down with the reason, and used within a second of being loaded', async () => {
    opened = openTier(server.url)
    await until(() => isLive(opened.tier))
    await command(server.url, 'FLUSHALL')
    await command(server.url, 'DEBUG', 'POPULATE', '300', 'key', '1000')
    // Reloading takes about 1.5 s, in which Redis answers everybody that it is loading.
    const reload = command(server.url, 'DEBUG', 'RELOAD')
    await until(() => opened.tier.status.reason === 'LOADING: it is loading its data')
    expect(await isUsed()).toBe(false)
    await reload
    expect(await until(isUsed)).toBeLessThan(1_000)
    await command(server.url, 'FLUSHALL')
  })

  test('because of the password is down with the reason, until the password is right', async () => {
    await config('requirepass', 'another')
    const host = new URL(server.url).host
    opened = openTier(`redis://${host}`)
    await until(() => opened.tier.status.reason === 'NOAUTH: it asks for a password')
    await opened.close()
    opened = openTier(`redis://:${SECRET}@${host}`)
    await until(() => opened.tier.status.reason === 'WRONGPASS: the user or the password is wrong')
    expect(await isUsed()).toBe(false)
    await command(`redis://:another@${host}`, 'CONFIG', 'SET', 'requirepass', decodeURIComponent(SECRET))
    expect(await until(isUsed)).toBeLessThan(1_000)
    await command(`redis://:${SECRET}@${host}`, 'CONFIG', 'SET', 'requirepass', '')
    expect(JSON.stringify([opened.lines, opened.tier.status])).not.toMatch(/S3cret|another/)
  })

  test('to tell others of deletions, as it does new users, makes them all the same', async () => {
    await command(server.url, 'ACL', 'SETUSER', 'keeper', 'on', '>word', '~*', '+@all', 'resetchannels')
    opened = openTier(`redis://keeper:word@${new URL(server.url).host}`)
    await until(() => isLive(opened.tier))
    await opened.tier.setAll([{ key: 'kept', text: '1', seconds: 9 }])
    expect(await opened.tier.delete('kept')).toBe(true)
    expect(await opened.tier.get('kept')).toBeUndefined()
    expect(opened.lines.map(({ message }) => message)).toEqual(['Redis refused to tell of deletions by others'])
  })
})

test('a program at the address that is no Redis, or no program, is down and said without a secret', async () => {
  for (const url of ['redis://:S3cret@nowhere.invalid', 'redis://:S3cret@127.0.0.1:1', 'rediss://:S3cret@[::1]:1']) {
    const opened = openTier(url)
    await until(() => opened.tier.status.state === 'down')
    expect(opened.tier.status.reason).toMatch(/^the connection failed: E[A-Z_]+$/)
    expect(JSON.stringify([opened.lines, opened.tier.status])).not.toContain('S3cret')
    await opened.close()
  }
})
