import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BTC, batch, candle, ETH, NOON, ticks, update } from '../fixtures.ts'
import { openTemporary, type TemporarySpool } from './temporary-spool.ts'
import { TestDisk } from './test-disk.ts'

const KIB = 1024
const linked = (first: number, last: number, symbol = 'BTC') =>
  Array.from({ length: last - first + 1 }, (_, index) =>
    update(first + index, { symbol, prev: first + index === 1 ? null : first + index - 1 }),
  )

/** Appends ids from `first` on, fifty at a time, until `count` more have left. */
async function fill({ spool }: TemporarySpool, first: number, count: number): Promise<number> {
  const enough = spool.stats.dropped + count
  let next = first
  for (; spool.stats.dropped < enough; next += 50) await spool.append(ticks(BTC, ...linked(next, next + 49)))
  return next
}

describe('at the bound', () => {
  test('the files are never larger, and hold the newest ticks', async () => {
    const opened = await openTemporary({ maxBytes: 64 * KIB })
    const { spool, directory } = opened
    let next = 1
    for (let drops = 0; drops < 8; drops += 1) {
      next = await fill(opened, next, 1)
      const bytes = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)
      expect(bytes).toBe(spool.stats.bytes)
      expect(bytes).toBeLessThanOrEqual(64 * KIB)
    }
    expect((await spool.ticksBefore(BTC, undefined, 1))[0]?.id).toBe(next - 1)
    expect(spool.stats.ticks + spool.stats.dropped).toBe(next - 1)
    expect(spool.stats.bytes).toBeGreaterThan(48 * KIB)
  })

  test('candles and gaps stay, however many ticks have to leave for them', async () => {
    const { spool } = await openTemporary({ maxBytes: 32 * KIB })
    const rows = Array.from({ length: 400 }, (_, minute) => ({
      ...{ instrument: ETH, timeframe: '1m' as const, candle: candle(NOON + minute * 60_000) },
    }))
    await spool.append(ticks(BTC, ...linked(1, 10)))
    await spool.append(batch({ candles: rows }))
    for (let first = 11; first < 2_000; first += 50) await spool.append(ticks(BTC, ...linked(first, first + 49)))
    expect(spool.stats.candles).toBe(400)
    expect(spool.candles(ETH)).toEqual(rows)
    expect(spool.stats.ticks).toBeLessThanOrEqual(100)
    expect(spool.gaps(BTC)).toHaveLength(1)
  })

  test('each drop is told by its own ids, and kept as one row, also after a restart', async () => {
    const opened = await openTemporary({ maxBytes: 64 * KIB })
    const next = await fill(opened, 1, 500)
    const { directory, dropped } = opened
    expect(dropped.length).toBeGreaterThan(2)
    expect(dropped.map(({ from }) => from)).toEqual([1, ...dropped.slice(0, -1).map(({ to }) => to + 1)])
    await opened.spool.close()
    const again = await openTemporary({ directory, maxBytes: 64 * KIB })
    await fill(again, next, 500)
    const last = again.dropped.at(-1)!.to
    expect(again.spool.gaps(BTC)).toEqual([
      { instrument: BTC, from: 1, to: last, status: 'open', reason: 'spool full' },
    ])
    expect(again.spool.startsAfter(BTC)).toBe(last)
  })

  test('a row that is in the database already is not made longer: the next one begins where it ends', async () => {
    const opened = await openTemporary({ maxBytes: 64 * KIB })
    const next = await fill(opened, 1, 100)
    const { spool } = opened
    const { to } = spool.gaps(BTC)[0]!
    for (let left = await spool.next(5_000); left; left = await spool.next(5_000)) await left.release()
    await fill(opened, next, 100)
    expect(spool.gaps(BTC)).toMatchObject([{ from: next }])
    expect(to).toBeLessThan(next)
  })

  test('late ticks leave as a gap of their own: what lies between is not in it', async () => {
    const opened = await openTemporary({ maxBytes: 64 * KIB })
    const { spool, dropped } = opened
    await spool.append(ticks(BTC, ...linked(10, 12)))
    await fill(opened, 1_000, 1)
    expect(dropped.slice(0, 2)).toMatchObject([{ from: 10, to: 12 }, { from: 1_000 }])
    expect(spool.gaps(BTC)).toMatchObject([{ from: 10, to: 12 }, { from: 1_000 }])
  })

  test('ticks that leave while they are handed over are told as well, and their release changes nothing', async () => {
    const opened = await openTemporary({ maxBytes: 64 * KIB })
    const { spool } = opened
    await spool.append(ticks(BTC, ...linked(1, 50)))
    const taken = (await spool.next(10))!
    await fill(opened, 51, 300)
    const before = { ...spool.stats }
    await taken.release()
    expect({ ...spool.stats, bytes: 0 }).toEqual({ ...before, bytes: 0 })
    expect(spool.gaps(BTC)).toMatchObject([{ from: 1, to: spool.startsAfter(BTC) }])
  })
})

describe('a read that has begun', () => {
  /** A disk whose next read of ticks waits for the test. */
  function createGatedDisk() {
    const disk = new TestDisk()
    const { open } = disk
    let arrive = () => {}
    let go = () => {}
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve
    })
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    const gated = (async (path: string, flags: string) => {
      const handle = await open(path, flags)
      const read = async (bytes: Buffer, at: number, length: number, position: number) => {
        arrive()
        await gate
        return handle.read(bytes, at, length, position)
      }
      return { ...handle, read }
    }) as unknown as TestDisk['open']
    return { disk: Object.assign(Object.create(disk) as TestDisk, { open: gated }), arrived, go }
  }

  test.each(['release', 'drop'] as const)('before a %s has what waited then', async (what) => {
    const { disk, arrived, go } = createGatedDisk()
    const opened = await openTemporary({ maxBytes: 64 * KIB }, disk)
    const { spool, directory } = opened
    await spool.append(ticks(BTC, ...linked(1, 50)))
    const reading = spool.ticksAfter(BTC, 10, 20)
    await arrived
    if (what === 'drop') await fill(opened, 51, 100)
    else {
      const taking = spool.next(100)
      go()
      await (await taking)!.release()
      expect(readdirSync(directory)).toEqual([])
    }
    go()
    expect(await reading).toEqual(linked(11, 30))
  })
})
