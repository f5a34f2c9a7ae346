import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/base/errors.ts'
import type { Instrument } from '../../../src/market/instrument.ts'
import type { Timeframe } from '../../../src/market/timeframe.ts'
import type { CandleRow } from '../../../src/tiers/database/database.ts'
import { createDatabaseWriter, type DatabaseWriterOptions } from '../../../src/tiers/writer/writer.ts'
import { BTC, candle, ETH, instrument, NOON, updates } from '../fixtures.ts'
import { createGatedDatabase } from './gated-database.ts'

const SOL = instrument('SOL')
const XRP = instrument('XRP')

function row(of: Instrument, timeframe: Timeframe, second = 0, fields: Parameters<typeof candle>[1] = {}): CandleRow {
  return { instrument: of, timeframe, candle: candle(NOON + second * 1_000, fields) }
}

function createSubject(options: Partial<DatabaseWriterOptions> = {}) {
  const database = createGatedDatabase()
  const said: string[] = []
  const log = { warn: (_: object, message: string) => void said.push(message), info: () => undefined }
  const subject = { flushMs: 1, retry: { firstMs: 1, maxMs: 2 }, log, ...options }
  const writer = createDatabaseWriter({ database, ...subject })
  const add = (...rows: readonly CandleRow[]) => {
    for (const each of rows) writer.candle(each)
  }
  /** What write number `index` brings, each row as `BTC 1s +0`; the write then succeeds. */
  const written = async (index: number) => {
    const { batch, succeed } = await database.begun(index)
    succeed()
    return batch.candles.map(
      ({ instrument: { symbol }, timeframe, candle: { time } }) => `${symbol} ${timeframe} +${(time - NOON) / 1_000}`,
    )
  }
  return { database, writer, said, add, written }
}

describe('the candles that wait for the database', () => {
  it('of one instrument go in one commit, however many; others join as long as there is room', async () => {
    const { add, written, writer } = createSubject({ fullRows: 3 })
    add(row(BTC, '1s'), row(ETH, '1s'), row(BTC, '1m'), row(BTC, '5m'), row(SOL, '1s'), row(ETH, '1m'), row(BTC, '1h'))
    add(row(XRP, '1s'), row(XRP, '1m'))
    const flushed = writer.flush()
    expect(await written(0)).toEqual(['BTC 1s +0', 'BTC 1m +0', 'BTC 5m +0', 'BTC 1h +0'])
    expect(await written(1)).toEqual(['ETH 1s +0', 'ETH 1m +0', 'SOL 1s +0'])
    expect(await written(2)).toEqual(['XRP 1s +0', 'XRP 1m +0'])
    await flushed
    expect(writer.backlog).toBe(0)
  })

  it('are not taken before all that one turn adds are there', async () => {
    const { add, written, writer } = createSubject({ fullRows: 2 })
    add(row(BTC, '1s'))
    for (const update of updates(1, 2)) writer.tick(BTC, update)
    add(row(BTC, '1m'))
    expect(await written(0)).toEqual(['BTC 1s +0', 'BTC 1m +0'])
  })

  it('are all flushed, also when those of another instrument become more meanwhile', async () => {
    const { database, add, written, writer } = createSubject({ fullRows: 1 })
    add(row(SOL, '1s'))
    const first = await database.begun(0)
    add(row(BTC, '1s'), row(ETH, '1s'))
    let flushed = false
    const flush = writer.flush().then(() => {
      flushed = true
    })
    add(row(BTC, '1m'), row(BTC, '5m'))
    first.succeed()
    expect(await written(1)).toEqual(['BTC 1s +0', 'BTC 1m +0', 'BTC 5m +0'])
    const last = await database.begun(2)
    expect(flushed).toBe(false)
    last.succeed()
    await flush
  })

  it('past their bound lose the oldest finished seconds only, which is counted and said once', async () => {
    const { database, add, written, writer, said } = createSubject({ candleBound: 20 })
    add(row(SOL, '1m'))
    const first = await database.begun(0)
    const final = { final: true }
    add(row(ETH, '1s', 0, final), row(ETH, '1m', 0, final), row(ETH, '1s', 99))
    for (let second = 0; second < 30; second += 1) add(row(BTC, '1s', second, final))
    expect(said).toEqual(['too many candles wait for the database: the oldest of 1s leave'])
    expect(writer.backlog).toBe(20)
    first.succeed()
    const left = Array.from({ length: 17 }, (_, index) => `BTC 1s +${13 + index}`)
    expect(await written(1)).toEqual(['ETH 1m +0', 'ETH 1s +99', ...left])
    expect(writer.stats.droppedCandles).toBe(13 + 1)
    await writer.flush()
  })

  it('that are longer than a second stay, however many', async () => {
    const { database, add, written, writer, said } = createSubject({ candleBound: 5 })
    add(row(SOL, '1m'))
    const first = await database.begun(0)
    for (let minute = 0; minute < 50; minute += 1) add(row(BTC, '1m', minute * 60, { final: true }))
    first.fail(new GatewayError('tier_unavailable', 'the database must answer, but it does not'))
    await written(1)
    expect(await written(2)).toHaveLength(50)
    expect(writer.stats.droppedCandles).toBe(0)
    expect(said).not.toContain('too many candles wait for the database: the oldest of 1s leave')
  })
})
