import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createGate, type Gate } from '../../../src/base/gate.ts'
import type { CacheKey } from '../../../src/tiers/cache/cache-keys.ts'
import type { Cached } from '../../../src/tiers/cache/cached.ts'
import { aCache, BTC, candlesOf, keys, priceOf } from './a-cache.ts'

const ETH = keys.price({ assetClass: 'crypto', symbol: 'ETH' })
const PREDICTION = keys.prediction('BTC')
const HISTORY = keys.wsHistory('BTC', '1m')
const KEYS = [BTC, ETH, PREDICTION, HISTORY] as readonly CacheKey<unknown>[]

/** A value that says which version of its key it is. */
function versioned(key: CacheKey<unknown>, version: number): unknown {
  if (key.kind === 'price') return priceOf(version, key.symbol)
  if (key.kind === 'ws_history') return candlesOf(version, 5)
  return { symbol: 'BTC', time: 0, horizon: '1h', value: 0, model: 'm', cursor: version }
}

/** The version; undefined for what is not of the key. */
function versionOf(key: CacheKey<unknown>, value: unknown): number | undefined {
  const { symbol, id, cursor, candles } = value as Record<string, unknown>
  const isOfKey = key.kind === 'ws_history' ? candles !== undefined : symbol === key.symbol && candles === undefined
  const version = key.kind === 'price' ? id : cursor
  return isOfKey && typeof version === 'number' ? version : undefined
}

const NOT_OURS = [
  '{"v":2,"symbol":"BTC","id":0,"price":1,"time":1,"stale":false}',
  '{"v":1,"symbol":"SOL","id":0,"price":1,"time":1,"stale":false}',
  '{"v":1,"symbol":"SOL","time":0,"horizon":"1h","value":0,"model":"m","cursor":0}',
  '{"v":1,"rows":[]}',
  '{"v":1,"cursor":0,"candles":[[1]]}',
  'null',
]

// Most of it happens to one key: what is to be found is in the order of things.
const index = fc.constantFrom(0, 0, 0, 0, 1, 2, 3)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), key: index }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), key: index }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('load' as const), key: index }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('load elsewhere' as const), key: index }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('get' as const), key: index }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('end a load' as const), which: fc.nat(9), fails: fc.boolean() }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(0, 1, 8, 60, 350, 1_100, 4_000, 12_000, 31_000),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('hold' as const, 'step' as const, 'let go' as const, 'down' as const, 'up' as const),
      elsewhere: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('lose' as const, 'lose the answer' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('write what is not ours' as const), key: index, text: fc.nat(5) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('miss news' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

interface Reading {
  readonly key: CacheKey<unknown>
  /** The newest set or delete that was over when it began. */
  readonly floor: number
  readonly answer: Promise<Cached<unknown> | undefined>
}

/** Does all that, then ends every load and lets Redis go, so that every reading is answered; returns what was wrong. */
async function play(steps: readonly Step[], readOrder: 'memory-first' | 'redis-first', maxBytes: number) {
  const { cache, clock, redis, tier } = aCache({ readOrder, maxBytes })
  const { cache: other, tier: otherTier } = aCache({ readOrder: 'memory-first' }, redis)
  const newest = KEYS.map(() => 0)
  const loads: { readonly gate: Gate; fails: boolean }[] = []
  const readings: Reading[] = []

  const load = (at: number) => async () => {
    const version = newest[at] ?? 0
    const loading = { gate: createGate(), fails: false }
    loads.push(loading)
    await loading.gate.opened
    if (loading.fails) throw new Error('the database is away')
    return versioned(KEYS[at] as CacheKey<unknown>, version)
  }
  const read = (at: number, ask: (key: CacheKey<unknown>) => Reading['answer'] | Cached<unknown> | undefined) => {
    const key = KEYS[at] as CacheKey<unknown>
    const asked = ask(key)
    const answer = Promise.resolve(asked).catch(() => undefined)
    readings.push({ key, floor: newest[at] ?? 0, answer })
  }
  const change = (at: number) => {
    newest[at] = (newest[at] ?? 0) + 1
    return newest[at]
  }

  for (const now of steps) {
    const link = 'elsewhere' in now && now.elsewhere ? otherTier : tier
    if (now.do === 'set') cache.set(KEYS[now.key] as CacheKey<unknown>, versioned(KEYS[now.key]!, change(now.key)))
    else if (now.do === 'delete') {
      change(now.key)
      void cache.delete(KEYS[now.key]!)
    } else if (now.do === 'load') read(now.key, (key) => cache.getOrLoad(key, load(now.key)))
    else if (now.do === 'load elsewhere') other.getOrLoad(KEYS[now.key]!, load(now.key)).catch(() => undefined)
    else if (now.do === 'get') read(now.key, (key) => cache.get(key))
    else if (now.do === 'end a load') {
      const [ended] = loads.splice(now.which % Math.max(1, loads.length), 1)
      if (ended) ended.fails = now.fails && now.which % 2 === 0
      ended?.gate.open()
    } else if (now.do === 'wait') await clock.advance(now.ms)
    else if (now.do === 'hold') link.hold()
    else if (now.do === 'step') link.step()
    else if (now.do === 'let go') link.letGo()
    else if (now.do === 'down' || now.do === 'up') link.turn(now.do === 'up' ? 'live' : 'down')
    else if (now.do === 'lose') tier.lost += 1
    else if (now.do === 'lose the answer') tier.unanswered += 1
    else if (now.do === 'miss news') tier.hear(undefined)
    else if (now.do === 'write what is not ours') redis.put(KEYS[now.key]!.name, NOT_OURS[now.text] ?? '', 100_000)
  }
  for (const link of [tier, otherTier]) link.letGo()
  for (let turns = 0; turns < 50 && (loads.length > 0 || turns < 5); turns += 1) {
    for (const loading of loads.splice(0)) loading.gate.open()
    await clock.advance(1_000)
    for (const link of [tier, otherTier]) link.letGo()
  }
  const wrong: string[] = []
  const late = Symbol('late')
  for (const { key, floor, answer } of readings) {
    const got = await Promise.race([answer, clock.advance(0).then(() => late)])
    if (typeof got === 'symbol') wrong.push(`${key.name} was never answered`)
    else if (got !== undefined) {
      const version = versionOf(key, got.value)
      if (version === undefined) wrong.push(`${key.name} was answered with ${JSON.stringify(got.value)}`)
      else if (version < floor) wrong.push(`${key.name}: version ${version} from ${got.tier}, after ${floor} was over`)
    }
  }
  return wrong
}

describe.each([
  ['memory-first', 2 ** 20],
  ['memory-first', 1_300],
  ['redis-first', 2 ** 20],
  ['redis-first', 1_300],
] as const)('%s, with %i bytes of memory', (readOrder, maxBytes) => {
  test('no reader is answered with what is older than what was set or deleted before it asked, nor with what is not of the key', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 80, size: 'max' }), async (steps) => {
        expect(await play(steps, readOrder, maxBytes)).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})
