import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Instrument } from '../../../src/market/instrument.ts'
import type { SqlDatabase } from '../../../src/tiers/database/sql-database.ts'
import { candle, NOON } from '../fixtures.ts'

const MINUTE = 60_000
const at = (minute: number) => NOON + minute * MINUTE

/** What every database must know of the candles that its source was asked for. */
export function describeCoverage(database: () => SqlDatabase, instrument: () => Instrument): void {
  const cover = (from: number, to: number, minutes: readonly number[] = []) =>
    database().cover({
      ...{ instrument: instrument(), timeframe: '1m', range: { from: at(from), to: at(to) } },
      candles: minutes.map((minute) => candle(at(minute), { firstId: null, lastId: null, final: true })),
    })
  const covered = async () =>
    (await database().coverage(instrument(), '1m')).map(({ from, to }) =>
      [from, to].map((time) => (time - NOON) / MINUTE),
    )

  it('keeps what the source was asked for: its candles, and that there are no others', async () => {
    await cover(0, 5, [1, 3])
    expect((await database().candles(instrument(), '1m', 9)).map(({ time }) => time)).toEqual([at(1), at(3)])
    expect(await covered()).toEqual([[0, 5]])
    expect(await database().coverage(instrument(), '5m')).toEqual([])
  })

  it('keeps neither when one of the candles cannot be stored', async () => {
    const bad = candle(at(2), { trades: 1.5 })
    const range = { from: at(0), to: at(5) }
    await expect(
      database().cover({ instrument: instrument(), timeframe: '1m', range, candles: [candle(at(1)), bad] }),
    ).rejects.toMatchObject({ name: 'GatewayError' })
    expect(await covered()).toEqual([])
    expect(await database().candles(instrument(), '1m', 9)).toEqual([])
  })

  it('joins ranges that meet, in whatever order they come', async () => {
    const range = fc.tuple(fc.integer({ min: -30, max: 30 }), fc.integer({ min: 1, max: 12 }))
    let base = 1_000
    await fc.assert(
      fc.asyncProperty(fc.array(range, { minLength: 1, maxLength: 8 }), async (ranges) => {
        base += 1_000
        const minutes = new Set<number>()
        for (const [from, length] of ranges) {
          await cover(base + from, base + from + length)
          for (let minute = from; minute < from + length; minute++) minutes.add(minute)
        }
        const wanted = [...minutes].sort((a, b) => a - b)
        const starts = wanted.filter((minute) => !minutes.has(minute - 1))
        const ends = wanted.filter((minute) => !minutes.has(minute + 1))
        const those = (await covered()).filter(([from = 0]) => from > base - 100)
        expect(those).toEqual(starts.map((start, index) => [base + start, base + ends[index]! + 1]))
      }),
      { numRuns: 20 },
    )
  })
}
