import fc from 'fast-check'
import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { globOf } from '../../src/base/glob.ts'
import { describeWithRedis } from '../servers/describe.ts'

it.each([
  ['*', '', true],
  ['*', 'price:crypto:BTC', true],
  ['price:*', 'price:crypto:BTC', true],
  ['price:*', 'prediction:BTC', false],
  ['*BTC*', 'chart:BTC:1h', true],
  ['chart:???:1h', 'chart:BTC:1h', true],
  ['chart:???:1h', 'chart:LINK:1h', false],
  ['chart:*:1[hD]', 'chart:BTC:1D', true],
  ['chart:*:1[^a-z]', 'chart:BTC:1h', false],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['', 'a', false],
])('%s against %s is %s', (pattern, text, is) => {
  expect(globOf(pattern)(text)).toBe(is)
})

it('many stars take no longer than their number', () => {
  const matches = globOf('*a'.repeat(100))
  const started = performance.now()
  expect(matches(`${'a'.repeat(10_000)}b`)).toBe(false)
  expect(performance.now() - started).toBeLessThan(1_000)
})

describeWithRedis('a pattern means what it means in Redis', ({ url, keyPrefix }) => {
  it('whatever it is made of', async () => {
    const redis = new Redis(url)
    const characters = fc.constantFrom('a', 'b', 'c', '*', '?', '[', ']', '^', '-', '\\')
    const texts = fc.array(fc.constantFrom('a', 'b', 'c', '-', ']'), { maxLength: 5 }).map((each) => each.join(''))
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.array(characters, { maxLength: 7 }),
          fc.array(texts, { minLength: 1, maxLength: 5 }),
          async (pieces, names) => {
            const pattern = pieces.join('')
            const home = `${keyPrefix}glob:`
            await redis.mset(Object.fromEntries(names.map((name) => [`${home}${name}`, '1'])))
            const found = new Set<string>()
            for await (const keys of redis.scanStream({ match: `${home}${pattern}`, count: 1_000 })) {
              for (const key of keys) found.add(key.slice(home.length))
            }
            await redis.unlink(names.map((name) => `${home}${name}`))
            const ours = new Set(names.filter(globOf(pattern)))
            expect([...ours].sort()).toEqual([...found].sort())
          },
        ),
        { numRuns: 300 },
      )
    } finally {
      redis.disconnect()
    }
  })
})
