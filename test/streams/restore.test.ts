import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InstrumentCandles } from '../../src/market/instrument-candles.ts'
import type { Update } from '../../src/market/tick.ts'
import { TIMEFRAMES } from '../../src/market/timeframe.ts'
import { restore, restoreWaiting } from '../../src/streams/restore.ts'
import { MemoryStream } from '../../src/tiers/memory/memory.ts'
import { BTC } from '../fakes/exchange-feed.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 23, 58, 30)

const step = fc.record({
  act: fc.constantFrom('trade', 'trade', 'trade', 'trade', 'close', 'store candles', 'store ticks', 'crash'),
  afterMs: fc.oneof(fc.integer({ min: -3_000, max: 2_500 }), fc.integer({ min: 0, max: 70_000 })),
  behind: fc.nat(4),
})

function tick(id: number, time: number): Update {
  const price = 100 + ((id * 7) % 13)
  return {
    ...{ symbol: 'BTC', id, prev: id === 1 ? null : id - 1, price, size: id / 100, side: 'buy' },
    ...{ trades: 2, time, received: time, backfilled: false },
  }
}

/** What the candles say, whatever was final when. */
function numbersOf(candles: InstrumentCandles | MemoryStream['history']) {
  return TIMEFRAMES.map((timeframe) =>
    candles
      .window(timeframe)
      .last(1_000)
      .map(({ final: _, revision: __, ...numbers }) => numbers),
  )
}

describe('what is read back after a crash', () => {
  it('candles are the fold of all ticks, however far behind they and the ticks were stored', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 80 }), async (steps) => {
        const database = new MemoryDatabase()
        const all: Update[] = []
        let stream = new MemoryStream(BTC)
        const storeCandles = () => {
          const candles = stream.history
            .takeDirty()
            .flatMap(({ timeframe, candles }) => candles.map((candle) => ({ instrument: BTC, timeframe, candle })))
          return database.write({ ticks: [], candles, gaps: [] })
        }
        const crash = async () => {
          stream = new MemoryStream(BTC)
          await restore(stream, database, 1_000, new AbortController().signal)
          for (const update of all.slice(stream.cursor ?? 0)) stream.append(update)
        }
        let time = NOON
        for (const { act, afterMs, behind } of steps) {
          if (act === 'trade') {
            time += afterMs
            all.push(tick(all.length + 1, time))
            stream.append(all.at(-1)!)
          }
          if (act === 'store ticks') database.ticks.push(...all.slice(database.ticks.length, all.length - behind))
          if (act === 'close') stream.history.close(time - 2_000 + Math.abs(afterMs), () => {})
          if (act === 'store candles') await storeCandles()
          // Before the first candles are stored nobody knows what they hold: then the warm-up takes the source's.
          if (act === 'crash' && (database.rows.size > 0 || database.ticks.length === 0)) await crash()
        }
        const truth = new InstrumentCandles(BTC, 1_000)
        for (const each of all) truth.fold(each)
        expect(numbersOf(stream.history)).toEqual(numbersOf(truth))
      }),
      { numRuns: 300 },
    )
  })
})

it('a gap that took the place of a mark is known whole to a stream that goes on from what waits', () => {
  const stream = new MemoryStream(BTC)
  const ticks = [tick(1, NOON), { ...tick(5, NOON), prev: 1 }]
  const gaps = [
    { instrument: BTC, from: 2, to: 4, status: 'open', reason: 'missed' },
    { instrument: BTC, from: 4, to: 4, status: 'filled', reason: undefined },
  ] as const
  restoreWaiting(stream, { first: ticks[0]!, ticks, gaps }, true)
  expect(stream.gaps()).toMatchObject([{ from: 2, to: 4 }])
})

describe('what was read from the source for a chart of long ago', () => {
  it('is not put before the newest candles of a stream with few trades: there is a hole between', async () => {
    const database = new MemoryDatabase()
    const stream = new MemoryStream(BTC)
    for (let id = 1; id <= 5; id++) stream.append(tick(id, NOON + id * 600_000))
    const [rows] = stream.history.takeDirty().filter(({ timeframe }) => timeframe === '1m')
    const now = rows!.candles.map((candle) => ({ instrument: BTC, timeframe: '1m', candle }) as const)
    const longAgo = now.map((row) => ({ ...row, candle: { ...row.candle, time: row.candle.time - 86_400_000 * 9 } }))
    await database.write({ ticks: [], candles: [...now, ...longAgo], gaps: [] })
    const again = new MemoryStream(BTC)
    await restore(again, database, 100, new AbortController().signal)
    expect(again.candles('1m', 100).map(({ time }) => time)).toEqual(now.map(({ candle }) => candle.time))
    expect(again.holdsAll('1m')).toBe(false)
  })
})
