import { expect, test } from 'vitest'
import { connectPauseMs } from '../../../src/tiers/redis/link-options.ts'
import { redisAddress } from '../../../src/tiers/redis/redis-address.ts'

test.each([
  ['redis://h', { host: 'h', port: 6379 }],
  ['redis://h:7000/0', { host: 'h', port: 7000 }],
  ['rediss://user:p%40ss@h:1?db=0', { host: 'h', port: 1, username: 'user', password: 'p@ss', tls: {} }],
  ['redis://:word@[::1]:2', { host: '::1', port: 2, password: 'word' }],
  ['redis://user@h', { host: 'h', port: 6379 }],
])('%s is taken apart', (redisUrl, address) => {
  expect(redisAddress({ redisUrl, redisPort: 9 })).toEqual(address)
})

test('a host, its port and its password will do, and the password for a URL that has none', () => {
  expect(redisAddress({ redisHost: 'h', redisPort: 9 })).toEqual({ host: 'h', port: 9 })
  expect(redisAddress({ redisHost: 'h', redisPort: 9, redisPassword: 'word' })).toMatchObject({ password: 'word' })
  const both = { redisPort: 9, redisPassword: 'word' }
  expect(redisAddress({ ...both, redisUrl: 'redis://h' })).toEqual({ host: 'h', port: 6379, password: 'word' })
  expect(redisAddress({ ...both, redisUrl: 'redis://:own@h' })).toMatchObject({ password: 'own' })
})

test('without a URL and a host there is no Redis', () => {
  expect(redisAddress({ redisPort: 6379, redisPassword: 'word' })).toBeUndefined()
})

test('attempts to connect are never far apart, however long it takes', () => {
  expect([1, 2, 5, 6, 10_000].map(connectPauseMs)).toEqual([50, 100, 250, 250, 250])
})
