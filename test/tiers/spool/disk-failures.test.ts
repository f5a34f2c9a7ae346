import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { BTC, batch, candle, NOON, ticks, update } from '../fixtures.ts'
import { openTemporary } from './temporary-spool.ts'
import { type DiskOperation, diskFailure, TestDisk } from './test-disk.ts'

const linked = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => update(first + index, { prev: first + index - 1 }))
const row = (lastId: number) => ({ instrument: BTC, timeframe: '1m' as const, candle: candle(NOON, { lastId }) })

describe.each([
  ['ENOSPC', 'open'],
  ['ENOSPC', 'write'],
  ['EIO', 'sync'],
] as const)('a disk that says %s to every %s', (code, failing: DiskOperation) => {
  test('rejects what is appended; afterwards everything is as before, and works again', async () => {
    const disk = new TestDisk()
    const { spool, directory } = await openTemporary({}, disk)
    await spool.append({ ...ticks(BTC, ...linked(1, 3)), candles: [row(3)] })
    const before = { ...spool.stats }
    // A file that is open is written on: only when that fails is another one opened.
    disk.before = (operation) => {
      if (operation === failing || operation === 'write') throw diskFailure(code)
    }
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(spool.append({ ...ticks(BTC, ...linked(4, 6)), candles: [row(6)] })).rejects.toMatchObject({
        code: 'tier_unavailable',
        message: expect.stringContaining(code),
      })
    }
    expect(spool.stats).toEqual(before)
    expect(await spool.ticksAfter(BTC, 0, 10)).toEqual(linked(1, 3))
    expect(spool.candles(BTC)).toEqual([row(3)])

    disk.before = () => {}
    await spool.append({ ...ticks(BTC, ...linked(4, 6)), candles: [row(6)] })
    await spool.close()
    const { spool: again, log } = await openTemporary({ directory })
    expect(await again.ticksAfter(BTC, 0, 10)).toEqual(linked(1, 6))
    expect(again.candles(BTC)).toEqual([row(6)])
    expect(log.lines).toEqual([])
  })
})

test('a disk that is full for the candles takes back the ticks of their batch', async () => {
  const disk = new TestDisk()
  const { spool, directory } = await openTemporary({}, disk)
  await spool.append({ ...ticks(BTC, ...linked(1, 3)), candles: [row(3)] })
  disk.before = (operation, path) => {
    if (operation === 'write' && path.includes('rows-')) throw diskFailure('ENOSPC')
  }
  await expect(spool.append({ ...ticks(BTC, ...linked(4, 6)), candles: [row(6)] })).rejects.toThrow('ENOSPC')
  expect(await spool.ticksAfter(BTC, 0, 10)).toEqual(linked(1, 3))
  await spool.close()
  const { spool: again } = await openTemporary({ directory })
  expect(await again.ticksAfter(BTC, 0, 10)).toEqual(linked(1, 3))
})

test('a disk that has become read-only says so; what cannot even be cut off is not taken for a frame afterwards', async () => {
  const disk = new TestDisk()
  const { spool, directory, log } = await openTemporary({}, disk)
  await spool.append(ticks(BTC, ...linked(1, 3)))
  let writes = 0
  disk.before = (operation) => {
    if (operation === 'write') writes += 1
    // The first half of a frame is written.
    if (operation !== 'write' || writes > 1) throw diskFailure('EROFS')
  }
  await expect(spool.append(ticks(BTC, ...linked(4, 6)))).rejects.toThrow('EROFS')
  await expect(spool.append(ticks(BTC, ...linked(4, 6)))).rejects.toThrow('EROFS')
  expect(log.lines.map(({ message }) => message)).toEqual(['spool: a failed write could not be cut off'])
  disk.before = () => {}
  await spool.append(ticks(BTC, ...linked(4, 5)))
  await spool.close()
  const { spool: again, log: said } = await openTemporary({ directory })
  expect(await again.ticksAfter(BTC, 0, 10)).toEqual(linked(1, 5))
  expect(said.lines.map(({ message }) => message)).toEqual(['spool: a torn frame is cut off'])
  expect(again.gaps(BTC)).toEqual([])
})

test('a release that cannot be written is handed over again when it holds rows, and goes on when it does not', async () => {
  const disk = new TestDisk()
  const { spool, log } = await openTemporary({}, disk)
  await spool.append(ticks(BTC, ...linked(1, 3)))
  await spool.append(ticks(BTC, ...linked(4, 6)))
  const first = (await spool.next(1))!
  disk.before = (operation) => {
    if (operation !== 'rm') throw diskFailure('ENOSPC')
  }
  await first.release()
  expect(await spool.ticksAfter(BTC, 0, 10)).toEqual(linked(4, 6))
  expect(log.lines.map(({ message }) => message)).toEqual(['spool: how far it is emptied could not be written'])

  disk.before = () => {}
  await spool.append(batch({ candles: [row(6)] }))
  const second = (await spool.next(10))!
  disk.before = (operation) => {
    if (operation === 'sync') throw diskFailure('EIO')
  }
  await expect(second.release()).rejects.toMatchObject({ code: 'tier_unavailable' })
  disk.before = () => {}
  const again = (await spool.next(10))!
  expect(again.batch).toEqual(second.batch)
  await again.release()
  expect(spool.isEmpty).toBe(true)
})

test('appends that wait while one is written share one sync', async () => {
  const disk = new TestDisk()
  const { spool, directory } = await openTemporary({}, disk)
  await spool.append(ticks(BTC, ...linked(1, 3)))
  let syncs = 0
  disk.before = (operation) => {
    if (operation === 'sync') syncs += 1
  }
  await Promise.all([1, 2, 3, 4, 5].map((nth) => spool.append(ticks(BTC, ...linked(3 * nth + 1, 3 * nth + 3)))))
  expect(syncs).toBeLessThanOrEqual(2)
  expect(readdirSync(directory)).toHaveLength(1)
  expect(await spool.ticksAfter(BTC, 0, 100)).toEqual(linked(1, 18))
})
