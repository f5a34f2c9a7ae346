import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Batch, Gap } from '../../../src/tiers/database/database.ts'
import { BTC, candle, NOON, ticks, update } from '../fixtures.ts'
import { openTemporary, temporaryDirectory } from './temporary-spool.ts'
import { type DiskOperation, diskFailure, TestDisk } from './test-disk.ts'

const gap = (from: number, to: number, status: Gap['status'] = 'open'): Gap => ({
  ...{ instrument: BTC, from, to, status },
  reason: status === 'filled' ? undefined : 'test',
})
const row = (id: number) => ({
  ...{ instrument: BTC, timeframe: '1m' as const },
  candle: candle(NOON, { lastId: id, trades: id }),
})

const before: Batch = { ...ticks(BTC, update(1, { prev: null }), update(2, { prev: 1 })), candles: [row(2)] }
/** The stream goes on without 3 and 4. */
const behind: Batch = {
  ...ticks(BTC, update(5, { prev: 2 }), update(6, { prev: 5 })),
  candles: [row(6)],
  gaps: [gap(3, 4)],
}

/** Appends `batch`, once for each disk operation that it takes; `meanwhile` is told before that operation. */
async function appendAgainAndAgain(
  batch: Batch,
  meanwhile: (operation: DiskOperation, disk: TestDisk, directory: string) => void,
  then: (directory: string, isDone: boolean) => Promise<void>,
) {
  for (let nth = 1, isMore = true; isMore; nth += 1) {
    const disk = new TestDisk()
    const { spool, directory } = await openTemporary({}, disk)
    await spool.append(before)
    const at = disk.operations + nth
    isMore = false
    disk.before = (operation) => {
      if (disk.operations !== at) return
      isMore = true
      meanwhile(operation, disk, directory)
    }
    const isDone = await spool.append(batch).then(
      () => true,
      () => false,
    )
    disk.before = () => {}
    await spool.close()
    await then(directory, isDone)
  }
}

describe.each([
  ['kill -9', false],
  ['a power cut', true],
])('%s at any moment of an append', (_, isPowerCut) => {
  test('leaves no tick behind a hole without the hole', async () => {
    let copy = ''
    const seen = { ticks: 0, holes: 0 }
    await appendAgainAndAgain(
      behind,
      (_operation, disk, directory) => {
        copy = join(temporaryDirectory(), 'copy')
        disk.crash(directory, copy, isPowerCut)
      },
      async (directory) => {
        const { spool } = await openTemporary({ directory: copy === '' ? directory : copy })
        copy = ''
        const isBehind = (await spool.ticksAfter(BTC, 2, 10)).length > 0
        const isTold = spool.gaps(BTC).some(({ from, to }) => from === 3 && to === 4)
        if (isBehind) expect(isTold).toBe(true)
        seen.ticks += Number(isBehind)
        seen.holes += Number(isTold)
        await spool.close()
      },
    )
    // It was looked at in the moments that matter.
    expect(seen.ticks).toBeGreaterThan(0)
    expect(seen.holes).toBeGreaterThan(seen.ticks)
  })

  test('leaves no hole told as filled without the ticks that fill it', async () => {
    const filling: Batch = { ...ticks(BTC, update(3, { prev: 2, backfilled: true })), gaps: [gap(3, 3, 'filled')] }
    let copy = ''
    await appendAgainAndAgain(
      { ...filling, gaps: [gap(3, 3), ...filling.gaps] },
      (_operation, disk, directory) => {
        copy = join(temporaryDirectory(), 'copy')
        disk.crash(directory, copy, isPowerCut)
      },
      async (directory) => {
        const { spool } = await openTemporary({ directory: copy === '' ? directory : copy })
        copy = ''
        const isFilled = spool.gaps(BTC).some(({ status }) => status === 'filled')
        if (isFilled) expect(await spool.ticksAfter(BTC, 2, 10)).toHaveLength(1)
        await spool.close()
      },
    )
  })
})

test('a disk that fails at any moment of an append takes back the hole with the ticks behind it, and takes both again', async () => {
  let failed = 0
  await appendAgainAndAgain(
    behind,
    (operation) => {
      if (operation === 'write' || operation === 'sync') throw diskFailure('ENOSPC')
    },
    async (directory, isDone) => {
      const { spool } = await openTemporary({ directory })
      expect(await spool.ticksAfter(BTC, 2, 10)).toHaveLength(isDone ? 2 : 0)
      expect(spool.gaps(BTC)).toEqual(isDone ? [gap(3, 4)] : [])
      if (!isDone) await spool.append(behind)
      failed += Number(!isDone)
      expect(await spool.ticksAfter(BTC, 2, 10)).toHaveLength(2)
      expect(spool.gaps(BTC)).toEqual([gap(3, 4)])
      expect(spool.candles(BTC)).toEqual([row(6)])
      await spool.close()
    },
  )
  expect(failed).toBeGreaterThan(4)
})
