import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Candle } from '../../../src/market/candle.ts'
import type { Update } from '../../../src/market/tick.ts'
import { TIMEFRAMES } from '../../../src/market/timeframe.ts'
import type { Batch } from '../../../src/tiers/database/database.ts'
import { BTC, ETH } from '../fixtures.ts'
import { openTemporary } from './temporary-spool.ts'

const id = fc.maxSafeNat()
const double = fc.double()
const instrument = fc.constantFrom(BTC, ETH, { ...BTC, symbol: 'BITCOIN', sourceSymbol: 'Ωx☃', priceDigits: 8 })

const tick = fc.record<Omit<Update, 'symbol'>>({
  ...{ id, prev: fc.option(id), price: double, trades: fc.oneof(fc.nat(), double) },
  ...{ size: fc.option(double, { nil: undefined }), side: fc.constantFrom('buy', 'sell', undefined) },
  ...{ time: double, received: double, backfilled: fc.boolean() },
})

const candle = fc.record<Candle>({
  ...{ time: id, open: double, high: double, low: double, close: double },
  ...{ volume: double, quoteVolume: double, buyVolume: double, trades: fc.nat() },
  ...{ firstId: fc.option(id), lastId: fc.option(id), final: fc.boolean(), revision: fc.nat() },
})

const day = fc
  .date({ min: new Date('1600-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10))
const observation = fc.record<Omit<Update, 'symbol'>>({
  ...{
    id,
    prev: fc.option(id),
    price: fc.option(
      double.filter((value) => !Number.isNaN(value)),
      { nil: undefined },
    ),
  },
  ...{ size: fc.constant(undefined), side: fc.constant(undefined), trades: fc.constant(1) },
  ...{ time: double, received: double, backfilled: fc.boolean(), period: day, vintage: day },
})

const batches = fc.record<Batch>({
  ticks: fc.uniqueArray(
    fc.tuple(instrument, fc.oneof(tick, observation)).map(([each, fields]) => ({
      instrument: each,
      update: { symbol: each.symbol, ...fields },
    })),
    { selector: (row) => `${row.instrument.symbol} ${row.update.id}` },
  ),
  candles: fc.uniqueArray(fc.record({ instrument, timeframe: fc.constantFrom(...TIMEFRAMES), candle }), {
    selector: (row) => `${row.instrument.symbol} ${row.timeframe} ${row.candle.time}`,
  }),
  gaps: fc.uniqueArray(
    fc.record({
      ...{ instrument, from: id, to: id, status: fc.constantFrom('open', 'filled', 'unfillable') },
      reason: fc.option(fc.string(), { nil: undefined }),
    }),
    { selector: (gap) => `${gap.instrument.symbol} ${gap.from}` },
  ),
})

const key = (row: object) => JSON.stringify(row)
const sorted = (rows: readonly object[]) => rows.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))

test('every field of ticks, candles and gaps comes back as it was, also those that no database takes', async () => {
  await fc.assert(
    fc.asyncProperty(batches, async (batch) => {
      const { spool, directory } = await openTemporary()
      await spool.append(batch)
      await spool.close()
      const { spool: again } = await openTemporary({ directory })
      const next = await again.next(1e6)
      const { ticks, candles, gaps } = next?.batch ?? { ticks: [], candles: [], gaps: [] }
      expect(sorted(ticks)).toEqual(sorted(batch.ticks))
      expect(sorted(candles)).toEqual(sorted(batch.candles))
      expect(sorted(gaps)).toEqual(sorted(batch.gaps))
      await again.close()
    }),
    { numRuns: 100 },
  )
})
