import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { createCounts } from '../../../src/tiers/cache/cache-stats.ts'
import { MemoryEntries } from '../../../src/tiers/cache/memory-entries.ts'
import { decodeValue } from '../../../src/tiers/cache/value-codec.ts'
import { keys } from './a-cache.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

function usedBytes(): number {
  collectGarbage()
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

// Texts as Redis has them: parsed, they are what most entries are made of, and nothing of them is shared.
const price = (n: number) =>
  `{"symbol":"SYMBOL${n}","id":${3_123_456_789 + n},"price":60000.${n},"time":${1_732_250_000_000 + n},"stale":false}`
const row = (n: number) => `[${1_732_250_000_000 + n},60000.5,60001.5,59999.5,60000.${n},1.${n}]`
const candles = (n: number) =>
  `{"v":1,"cursor":${3_123_456_789 + n},"candles":[${Array.from({ length: 500 }, (_, i) => row(n + i))}]}`
const marketRow = (n: number) =>
  `{"symbol":"SYMBOL${n}","class":"crypto","price":60000.${n},"change24h":1.5,"volume24h":123456.75}`
const market = (n: number) => `{"rows":[${Array.from({ length: 100 }, (_, i) => marketRow(n + i))}]}`

describe('the bytes of an entry', () => {
  test.each([
    ['prices', 10_000, (n: number) => JSON.parse(price(n))],
    ['candles', 200, (n: number) => decodeValue(keys.chart('BTC', '1h'), candles(n))],
    ['rows of a market', 200, (n: number) => JSON.parse(market(n))],
  ])('are about what the process says of %s', (_, count, valueAt) => {
    const counts = createCounts()
    const entries = new MemoryEntries(2 ** 30, counts.memory)
    const before = usedBytes()
    for (let n = 0; n < count; n += 1) entries.put(keys.chart(`SYMBOL${n}`, '1h'), valueAt(n) as never, 1)
    const measured = usedBytes() - before
    const ratio = counts.memory.chart.bytes / measured
    expect(ratio).toBeGreaterThan(0.9)
    expect(ratio).toBeLessThan(1.8)
    expect(entries.find(keys.chart('SYMBOL0', '1h').name)).toBeDefined()
  })
})
