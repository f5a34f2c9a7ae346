import { readdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Batch, Gap } from '../../../src/tiers/database/database.ts'
import type { Spool } from '../../../src/tiers/spool/spool.ts'
import { BTC, batch, candle, ETH, NOON, ticks, update, updates } from '../fixtures.ts'
import { openTemporary } from './temporary-spool.ts'

/** Ids from `first` to `last`, each linked to the one before it. */
function chain(first: number, last: number) {
  return updates(first, last).map((each) => ({ ...each, prev: each.id === 1 ? null : each.id - 1 }))
}

/** Everything that waits, released on the way. */
async function empty(spool: Spool, rows = 1_000): Promise<Batch> {
  const all = { ticks: [] as Batch['ticks'][number][], candles: [] as Batch['candles'][number][], gaps: [] as Gap[] }
  for (;;) {
    const next = await spool.next(rows)
    if (next === undefined) return all
    all.ticks.push(...next.batch.ticks)
    all.candles.push(...next.batch.candles)
    all.gaps.push(...next.batch.gaps)
    await next.release()
  }
}

function dataFiles(directory: string): readonly string[] {
  return readdirSync(directory).sort()
}

describe('what is appended', () => {
  test('is handed over in its order, ticks before candles and gaps, and leaves the disk when it is released', async () => {
    const { spool, directory } = await openTemporary()
    expect(spool.isEmpty).toBe(true)
    const row = { instrument: BTC, timeframe: '1m', candle: candle(NOON) } as const
    const gap: Gap = { instrument: BTC, from: 500, to: 600, status: 'open', reason: 'test' }
    await spool.append({ ...ticks(BTC, ...chain(1, 3)), candles: [row], gaps: [gap] })
    await spool.append(ticks(BTC, ...chain(4, 6)))
    expect(spool.isEmpty).toBe(false)
    expect(spool.stats).toMatchObject({ ticks: 6, candles: 1, dropped: 0 })

    const first = (await spool.next(3))!
    expect(first.batch).toEqual(ticks(BTC, ...chain(1, 3)))
    await first.release()
    const second = (await spool.next(10))!
    expect(second.batch).toEqual({ ...ticks(BTC, ...chain(4, 6)), candles: [row], gaps: [gap] })
    await second.release()
    expect(await spool.next(10)).toBeUndefined()
    expect(spool.isEmpty).toBe(true)
    expect(spool.stats.bytes).toBe(0)
    expect(dataFiles(directory)).toEqual([])
  })

  test('is there again after a restart, from where it was released', async () => {
    const { spool, directory } = await openTemporary()
    const gap: Gap = { instrument: ETH, from: 5, to: 6, status: 'open', reason: undefined }
    await spool.append(ticks(BTC, ...chain(1, 3)))
    await spool.append(batch({ gaps: [gap] }))
    await spool.append(ticks(ETH, update(7, { symbol: 'ETH', size: undefined, side: undefined, prev: 3 })))
    await (await spool.next(1))!.release()
    await spool.close()

    const { spool: again } = await openTemporary({ directory })
    expect(again.instruments()).toEqual([ETH])
    expect(again.gaps(ETH)).toEqual([gap])
    expect(again.startsAfter(ETH)).toBe(3)
    expect(again.startsAfter(BTC)).toBeUndefined()
    const { ticks: rest, gaps } = await empty(again)
    expect(rest.map(({ update: { id } }) => id)).toEqual([7])
    expect(gaps).toEqual([gap])
  })

  test('is read by id, linked to what is before it in the spool', async () => {
    const { spool } = await openTemporary()
    await spool.append(ticks(BTC, ...chain(11, 15)))
    await spool.append(ticks(BTC, ...chain(16, 20)))
    await spool.append(ticks(BTC, update(5, { prev: 4, backfilled: true })))
    const ids = (found: readonly { id: number; prev: number | null }[]) => found.map(({ id, prev }) => [id, prev])
    expect(ids(await spool.ticksAfter(BTC, 0, 2))).toEqual([
      [5, 4],
      [11, 5],
    ])
    expect(ids(await spool.ticksAfter(BTC, 14, 3))).toEqual([
      [15, 14],
      [16, 15],
      [17, 16],
    ])
    expect(ids(await spool.ticksBefore(BTC, 12, 5))).toEqual([
      [5, 4],
      [11, 5],
    ])
    expect(ids(await spool.ticksBefore(BTC, undefined, 2))).toEqual([
      [19, 18],
      [20, 19],
    ])
    // What was found late is no part of the unbroken row.
    expect(spool.startsAfter(BTC)).toBe(10)
    expect(await spool.ticksAfter(ETH, 0, 5)).toEqual([])
  })

  test('says where its unbroken row begins: at its own first tick where nothing is known before that', async () => {
    const { spool } = await openTemporary()
    await spool.append(ticks(BTC, update(11, { prev: null }), update(15, { prev: 11 })))
    await spool.append(ticks(BTC, update(12, { prev: 11, backfilled: true }), update(16, { prev: 15 })))
    expect(spool.startsAfter(BTC)).toBe(11)
    await spool.append(ticks(BTC, update(20, { prev: 18 })))
    expect(spool.startsAfter(BTC)).toBe(18)
  })

  test('survives a crash up to a frame that was being written', async () => {
    const { spool, directory, log } = await openTemporary()
    await spool.append(ticks(BTC, ...chain(1, 3)))
    await spool.append(ticks(BTC, ...chain(4, 6)))
    await spool.close()
    const [file] = dataFiles(directory)
    truncateSync(join(directory, file!), statSync(join(directory, file!)).size - 1)
    const { spool: again, log: said } = await openTemporary({ directory })
    expect((await empty(again)).ticks.map(({ update: { id } }) => id)).toEqual([1, 2, 3])
    expect(log.lines).toEqual([])
    expect(said.lines.map(({ message }) => message)).toEqual(['spool: a torn frame is cut off'])
  })
})

test('at the bound the oldest ticks leave as open gaps, one row for all', async () => {
  const { spool, dropped } = await openTemporary({ maxBytes: 64 * 1024 })
  for (let first = 1; first < 4_000; first += 50) await spool.append(ticks(BTC, ...chain(first, first + 49)))
  expect(spool.stats.bytes).toBeLessThan(64 * 1024)
  const starts = spool.startsAfter(BTC)!
  expect(dropped[0]).toMatchObject({ from: 1, status: 'open', reason: 'spool full' })
  expect(dropped.at(-1)?.to).toBe(starts)
  expect(spool.stats.dropped).toBe(starts)
  expect(spool.gaps(BTC)).toEqual([{ instrument: BTC, from: 1, to: starts, status: 'open', reason: 'spool full' }])
  expect((await empty(spool)).ticks[0]?.update.prev).toBe(starts)
})

describe('everything is in the spool after', () => {
  test.each<[string, readonly [id: number, prev: number | null][], number]>([
    [
      'the tick before the oldest',
      [
        [11, 10],
        [12, 11],
      ],
      10,
    ],
    [
      'the oldest, when none came before it',
      [
        [1, null],
        [2, 1],
      ],
      1,
    ],
    [
      'the tick before the newest ones, when others come late',
      [
        [9_001, 9_000],
        [9_002, 9_001],
        [500, 499],
        [501, 500],
      ],
      9_000,
    ],
    [
      'the tick before late ones that what follows is linked to',
      [
        [20, 10],
        [15, 14],
        [30, 20],
      ],
      14,
    ],
    [
      'the tick before a hole',
      [
        [5, 4],
        [20, 10],
        [30, 20],
      ],
      10,
    ],
  ])('%s', async (_, sent, start) => {
    const { spool } = await openTemporary()
    for (const [id, prev] of sent) await spool.append(ticks(BTC, update(id, { prev })))
    expect(spool.startsAfter(BTC)).toBe(start)
  })
})

test('what an instrument had under another symbol is read under the one it has now, as it is from the database', async () => {
  const { spool, directory } = await openTemporary()
  const row = { instrument: BTC, timeframe: '1m', candle: candle(NOON, {}) } as const
  const gap = { instrument: BTC, from: 8, to: 9, status: 'open', reason: undefined } as const
  await spool.append({ ...ticks(BTC, ...chain(1, 3)), candles: [row], gaps: [gap] })
  await spool.close()
  const { spool: again } = await openTemporary({ directory })
  const renamed = { ...BTC, symbol: 'XBT' }
  const expected = chain(1, 3).map((tick) => ({ ...tick, symbol: 'XBT' }))
  expect(await again.ticksAfter(renamed, 0, 10)).toEqual(expected)
  expect(await again.ticksBefore(renamed, undefined, 10)).toEqual(expected)
  expect(again.candles(renamed)).toEqual([{ ...row, instrument: renamed }])
  expect(again.gaps(renamed)).toEqual([{ ...gap, instrument: renamed }])
})
