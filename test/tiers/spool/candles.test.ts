import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Spool } from '../../../src/tiers/spool/spool.ts'
import { BTC, batch, candle, ETH, NOON } from '../fixtures.ts'
import { openTemporary, temporaryDirectory } from './temporary-spool.ts'
import { diskFailure, TestDisk } from './test-disk.ts'

const row = (fields: Parameters<typeof candle>[1], timeframe: '1s' | '1m' = '1m', instrument = BTC, time = NOON) => ({
  instrument,
  timeframe,
  candle: candle(time, fields),
})

describe('of one bucket', () => {
  test.each([
    ['the higher revision', { revision: 1, final: false, lastId: 1 }, { revision: 0, final: true, lastId: 9 }],
    ['the final one', { final: true, lastId: 1 }, { final: false, lastId: 9 }],
    ['the later last id', { lastId: 9, trades: 1 }, { lastId: 8, trades: 9 }],
    ['any last id rather than none', { lastId: 0, trades: 1 }, { lastId: null, trades: 9 }],
    ['more trades', { lastId: 9, trades: 5 }, { lastId: 9, trades: 4 }],
    ['what came first', { lastId: 9, close: 1 }, { lastId: 9, close: 2 }],
  ])('%s is kept, in either order, over a restart', async (name, newer, older) => {
    const orders =
      name === 'what came first'
        ? [[newer, older]]
        : [
            [newer, older],
            [older, newer],
          ]
    for (const order of orders) {
      const { spool, directory } = await openTemporary()
      for (const each of order) await spool.append(batch({ candles: [row(each)] }))
      expect(spool.candles(BTC)).toEqual([row(newer)])
      await spool.close()
      const { spool: again } = await openTemporary({ directory })
      expect(again.candles(BTC)).toEqual([row(newer)])
      expect(again.stats.candles).toBe(1)
    }
  })
})

test('a candle that changes while it is handed over waits for the next time', async () => {
  const { spool } = await openTemporary()
  await spool.append(batch({ candles: [row({ lastId: 1 }), row({ lastId: 1 }, '1m', ETH)] }))
  const first = (await spool.next(10))!
  await spool.append(batch({ candles: [row({ lastId: 2 })] }))
  await first.release()
  expect(spool.instruments()).toEqual([BTC])
  expect((await spool.next(10))!.batch.candles).toEqual([row({ lastId: 2 })])
})

test('candles of one instrument are handed over together, however many they are', async () => {
  const { spool } = await openTemporary()
  const minutes = [0, 1, 2, 3, 4].map((minute) => row({}, '1m', BTC, NOON + minute * 60_000))
  await spool.append(batch({ candles: [...minutes, row({}, '1m', ETH)] }))
  const first = (await spool.next(2))!
  expect(first.batch.candles).toEqual(minutes)
  await first.release()
  expect((await spool.next(2))!.batch.candles).toEqual([row({}, '1m', ETH)])
})

/** Three hundred states of forty candles. */
async function wear(spool: Spool): Promise<void> {
  for (let state = 1; state <= 300; state += 1) {
    const candles = Array.from({ length: 40 }, (_, minute) => row({ lastId: state }, '1m', BTC, NOON + minute * 60_000))
    await spool.append(batch({ candles }))
  }
}

describe('a log of rows that is much larger than what is live', () => {
  const bytesOf = (directory: string) =>
    readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)

  test('is written anew, with everything that waits', async () => {
    const { spool, directory } = await openTemporary()
    await wear(spool)
    expect(spool.stats.bytes).toBe(bytesOf(directory))
    expect(spool.stats.bytes).toBeLessThan(1.1 * 2 ** 20)
    expect(readdirSync(directory)).toHaveLength(1)
    const live = spool.candles(BTC)
    expect(live.map(({ candle: { lastId } }) => lastId)).toEqual(Array(40).fill(300))
    await spool.close()
    const { spool: again } = await openTemporary({ directory })
    expect(again.candles(BTC)).toEqual(live)
  })

  test('takes no more than a sixteenth of a small bound from ticks', async () => {
    const { spool, directory } = await openTemporary({ maxBytes: 2 ** 20 })
    await wear(spool)
    expect(bytesOf(directory)).toBeLessThan(0.1 * 2 ** 20)
  })

  test('is written anew with what an earlier process left, of instruments that this one has not named', async () => {
    const { spool, directory } = await openTemporary({ maxBytes: 2 ** 18 })
    const gap = { instrument: { ...ETH, priceDigits: 9 }, from: 1, to: 2, status: 'open', reason: undefined } as const
    await spool.append(batch({ gaps: [gap] }))
    await spool.append(batch({ candles: [row({}, '1m', ETH)] }))
    await spool.close()
    const { spool: second } = await openTemporary({ directory, maxBytes: 2 ** 18 })
    const files = readdirSync(directory)
    for (let state = 1; readdirSync(directory).some((name) => files.includes(name)); state += 1) {
      await second.append(batch({ candles: [row({ lastId: state })] }))
    }
    await second.close()
    const { spool: third } = await openTemporary({ directory })
    expect(third.candles(ETH)).toEqual([row({}, '1m', ETH)])
    // Told of the instrument as it is asked for.
    expect(third.gaps(ETH)).toEqual([{ ...gap, instrument: ETH }])
  })

  test('is whole after a power cut, at whatever step of being written anew', async () => {
    const disk = new TestDisk()
    const { spool, directory } = await openTemporary({ maxBytes: 2 ** 18 }, disk)
    const copies: { readonly copy: string; readonly state: number }[] = []
    let state = 0
    const cutPower = () => {
      const copy = temporaryDirectory()
      disk.crash(directory, copy, true)
      copies.push({ copy, state })
    }
    disk.before = cutPower
    const isAnew = () => readdirSync(directory).some((name) => name >= 'rows-000000000002')
    while (!isAnew()) {
      await spool.append(batch({ candles: [row({ lastId: state + 1 })] }))
      state += 1
    }
    cutPower()
    for (const { copy, state: acknowledged } of copies.slice(-10)) {
      const { spool: again } = await openTemporary({ directory: copy })
      expect(again.candles(BTC)[0]?.candle.lastId).toBeGreaterThanOrEqual(acknowledged)
    }
  })

  test.each(['rename', 'write', 'open'] as const)(
    'goes on being used when the new one fails at %s',
    async (failing) => {
      const disk = new TestDisk()
      const { spool, directory, log } = await openTemporary({}, disk)
      disk.before = (operation, path) => {
        if (operation === failing && path.endsWith('.tmp')) throw diskFailure('ENOSPC')
      }
      await wear(spool)
      expect(log.lines[0]?.message).toBe('spool: rows could not be written anew')
      disk.before = () => {}
      const live = spool.candles(BTC)
      await spool.close()
      const { spool: again } = await openTemporary({ directory })
      expect(again.candles(BTC)).toEqual(live)
    },
  )
})

test('past their bound the oldest finished seconds leave, for good; open and longer ones stay', async () => {
  const { spool, directory, log } = await openTemporary({ candleBound: 100 })
  const second = (nth: number) => row({ final: nth < 119 }, '1s', BTC, NOON + nth * 1_000)
  await spool.append(batch({ candles: [row({ final: true })] }))
  for (let nth = 0; nth < 120; nth += 1) await spool.append(batch({ candles: [second(nth)] }))
  // They leave behind the append that was one too many.
  await spool.append(batch({}))
  const { candles, droppedCandles } = spool.stats
  expect(candles).toBeLessThanOrEqual(100)
  expect(candles + droppedCandles).toBe(121)
  expect(log.lines[0]?.message).toBe('spool has too many candles: the oldest of 1s leave')
  const left = spool.candles(BTC)
  expect(left[0]).toEqual(row({ final: true }))
  expect(left[1]).toEqual(second(droppedCandles))
  expect(left.at(-1)).toEqual(second(119))
  await spool.close()
  const { spool: again } = await openTemporary({ directory })
  expect(again.candles(BTC)).toEqual(left)
})
