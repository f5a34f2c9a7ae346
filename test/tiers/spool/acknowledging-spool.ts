/**
 * Run as a process of its own: appends ticks to the spool of the given directory for ever and prints the last id of each
 * batch when it is acknowledged, or why it was not. It ends by being killed.
 */
import { writeSync } from 'node:fs'
import { openSpool } from '../../../src/tiers/spool/open-spool.ts'
import { BTC, batch, candle, NOON, update } from '../fixtures.ts'

const BATCH = 200
const silent = { warn: () => {}, info: () => {} }
const spool = await openSpool({
  ...{ directory: process.argv[2]!, maxBytes: 2 ** 30, onDropped: () => {}, log: silent },
})
let newest = (await spool.ticksBefore(BTC, undefined, 1)).at(-1)?.id ?? 0
for (;;) {
  const ticks = Array.from({ length: BATCH }, (_, index) => {
    const id = newest + index + 1
    return { instrument: BTC, update: update(id, { prev: id === 1 ? null : id - 1 }) }
  })
  const row = { instrument: BTC, timeframe: '1m' as const, candle: candle(NOON, { lastId: newest + BATCH }) }
  try {
    await spool.append(batch({ ticks, candles: [row] }))
    newest += BATCH
    writeSync(1, `${newest}\n`)
  } catch (error) {
    writeSync(1, `${(error as { code?: string }).code} ${(error as Error).message}\n`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
