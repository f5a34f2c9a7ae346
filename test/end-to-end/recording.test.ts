import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startBinanceSimulator } from '../../src/simulate/binance.ts'
import { proveRecording } from '../recordings/prove-recording.ts'

const TRADES = 20_000

/** A recording in the exchange's public format: half an hour around midnight, several trades in many a millisecond. */
async function recordTrades(directory: string): Promise<string> {
  const market = await startBinanceSimulator({ rate: 1, seed: 11 })
  const trades = market.markets.get('BTCUSDT')!
  await market.close()
  const start = Date.UTC(2026, 10, 17, 23, 45)
  const rows = Array.from({ length: TRADES }, (_, index) => {
    const { id, price, size, firstTradeId, lastTradeId, buyerIsMaker } = trades.trade(trades.firstId + index)
    const time = start + Math.floor(index / 3) * 270
    return [id, price, size, firstTradeId, lastTradeId, time, buyerIsMaker, true].join(',')
  })
  const file = join(directory, 'BTCUSDT-aggTrades-2026-11-17.csv')
  await writeFile(file, `${rows.join('\n')}\n`)
  return file
}

describe('a recording played at full speed', () => {
  it('comes through the whole path: every trade stored once, candles equal to the exchange, now and after a restart', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tickgate recorded '))
    onTestFinished(() => rm(directory, { recursive: true, force: true }))
    const proof = await proveRecording({ recordings: [await recordTrades(directory)], pastTrades: 5_000 })
    expect(proof.differences).toEqual([])
    expect(proof.trades).toBeGreaterThan(15_000)
    expect(proof.compared.made).toBeGreaterThan(1_000)
    expect(proof.intervalEnds).toBeGreaterThan(1_000)
  }, 90_000)
})
