import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Batch } from '../../../src/tiers/database/database.ts'
import type { Spool } from '../../../src/tiers/spool/spool.ts'
import { BTC, batch, candle, ETH, NOON, ticks, update } from '../fixtures.ts'
import { openTemporary, temporaryDirectory } from './temporary-spool.ts'

function linked(first: number, last: number, symbol = 'BTC') {
  return Array.from({ length: last - first + 1 }, (_, index) =>
    update(first + index, { symbol, prev: first + index - 1 }),
  )
}

async function idsOf(spool: Spool): Promise<readonly number[]> {
  return (await spool.ticksAfter(BTC, -1, 1_000)).map(({ id }) => id)
}

/** The files that these appends leave, of one kind. */
async function spooled(appends: readonly Batch[], kind: string): Promise<{ directory: string; path: string }> {
  const { spool, directory } = await openTemporary()
  for (const each of appends) await spool.append(each)
  await spool.close()
  return { directory, path: join(directory, readdirSync(directory).find((name) => name.startsWith(kind))!) }
}

/** Turns one byte over. */
function damage(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = bytes[at]! ^ 0xff
  writeFileSync(path, bytes)
}

const FRAMES = [ticks(BTC, ...linked(1, 3)), ticks(BTC, ...linked(4, 6)), ticks(BTC, ...linked(7, 9))]

describe('a file of ticks', () => {
  test('that ends at any byte of its last frame is read up to the frame before', async () => {
    const { path } = await spooled(FRAMES, 'ticks-')
    const whole = statSync(path).size
    const frame = 12 + 4 + 8 + 3 * 57
    for (let size = whole - frame; size < whole; size += 1) {
      const directory = temporaryDirectory()
      const copy = join(directory, 'ticks-000000000001')
      copyFileSync(path, copy)
      truncateSync(copy, size)
      const { spool, log } = await openTemporary({ directory })
      expect(await idsOf(spool)).toEqual([1, 2, 3, 4, 5, 6])
      expect(log.lines.map(({ fields }) => fields.bytes)).toEqual(size === whole - frame ? [] : [size - whole + frame])
      expect(spool.gaps(BTC)).toEqual([])
      await spool.close()
    }
  })

  test('whose torn frame was cut off goes on in another file', async () => {
    const { directory, path } = await spooled(FRAMES, 'ticks-')
    truncateSync(path, statSync(path).size - 50)
    const { spool } = await openTemporary({ directory })
    await spool.append(ticks(BTC, ...linked(7, 8)))
    await spool.close()
    const { spool: again, log } = await openTemporary({ directory })
    expect(await idsOf(again)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(log.lines).toEqual([])
  })

  test('that ends at any byte of its header holds nothing', async () => {
    const { path } = await spooled(FRAMES, 'ticks-')
    for (const size of [0, 1, 11, 12, 13, 30]) {
      const directory = temporaryDirectory()
      copyFileSync(path, join(directory, 'ticks-000000000001'))
      truncateSync(join(directory, 'ticks-000000000001'), size)
      const { spool } = await openTemporary({ directory })
      expect(spool.isEmpty).toBe(true)
      expect(readdirSync(directory)).toEqual([])
    }
  })

  test.each([
    ['length', 0],
    ['checksum', 5],
    ['mark', 9],
    ['content', 40],
  ])(
    'with a damaged %s in the middle is read before and behind it, and the ids between are an open gap',
    async (_, at) => {
      const { directory, path } = await spooled(FRAMES, 'ticks-')
      const frame = 12 + 4 + 8 + 3 * 57
      damage(path, statSync(path).size - 2 * frame + at)
      const { spool, log } = await openTemporary({ directory })
      expect(await idsOf(spool)).toEqual([1, 2, 3, 7, 8, 9])
      const gap = { instrument: BTC, from: 4, to: 6, status: 'open', reason: 'spool damaged' }
      expect(spool.gaps(BTC)).toEqual([gap])
      expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
        ['warn', 'spool: damaged bytes are skipped'],
      ])
      await spool.close()
      const { spool: again } = await openTemporary({ directory })
      expect(again.gaps(BTC)).toEqual([gap])
    },
  )

  test('whose instruments cannot be read any more is told of, with the ids that the next one does not have', async () => {
    const { directory, path } = await spooled(FRAMES, 'ticks-')
    const { spool } = await openTemporary({ directory })
    await spool.append(ticks(BTC, ...linked(10, 12)))
    await spool.append(ticks(ETH, ...linked(5, 6, 'ETH')))
    await spool.close()
    damage(path, 40)
    const { spool: again, log } = await openTemporary({ directory })
    expect(await idsOf(again)).toEqual([10, 11, 12])
    const said = log.lines.filter(({ fields }) => 'to' in fields).map(({ fields }) => fields)
    expect(said).toEqual([
      { stream: 'binance:BTCUSDT', to: 9 },
      { stream: 'binance:ETHUSDT', to: 4 },
    ])
  })
})

describe('a file of rows', () => {
  const row = (minute: number) => ({
    instrument: BTC,
    timeframe: '1m' as const,
    candle: candle(NOON + minute * 60_000, { lastId: minute }),
  })

  test('that ends at any byte of its last frame keeps the states before', async () => {
    const appends = [1, 2, 3].map((minute) => batch({ candles: [row(minute)] }))
    const { path } = await spooled(appends, 'rows-')
    const whole = statSync(path).size
    const frame = 12 + 4 + '{"sequence":3}'.length + 117
    for (let size = whole - frame; size < whole; size += 1) {
      const directory = temporaryDirectory()
      copyFileSync(path, join(directory, 'rows-000000000001'))
      truncateSync(join(directory, 'rows-000000000001'), size)
      const { spool } = await openTemporary({ directory })
      expect(spool.candles(BTC)).toEqual([row(1), row(2)])
      await spool.close()
    }
  })

  test('with damaged bytes in the middle loses what is in them and says so', async () => {
    const { directory, path } = await spooled(
      [1, 2, 3].map((minute) => batch({ candles: [row(minute)] })),
      'rows-',
    )
    damage(path, statSync(path).size - 200)
    const { spool, log } = await openTemporary({ directory })
    expect(spool.candles(BTC)).toEqual([row(1), row(3)])
    expect(log.lines.map(({ message }) => message)).toEqual(['spool: damaged bytes are skipped'])
  })
})

test('files of a newer version are refused and left as they are', async () => {
  const { directory, path } = await spooled(FRAMES, 'ticks-')
  mkdirSync(join(directory, 'other'))
  writeFileSync(join(directory, 'rows-000000000001.tmp'), 'unfinished')
  const newer = readFileSync(path)
  newer.writeUInt32LE(2, 8)
  writeFileSync(path, newer)
  await expect(openTemporary({ directory })).rejects.toMatchObject({
    code: 'config_invalid',
    message: expect.stringContaining('must be of schema version 1 or older, was 2'),
  })
  expect(readdirSync(directory)).toEqual(['other', 'rows-000000000001.tmp', 'ticks-000000000001'])
  expect(readFileSync(path)).toEqual(newer)
})

test('bytes that are damaged while the spool is open hold up nothing: their ids are told, and leave as a gap', async () => {
  const { spool, directory, dropped, log } = await openTemporary()
  for (const each of FRAMES) await spool.append(each)
  const path = join(directory, readdirSync(directory)[0]!)
  const handle = openSync(path, 'r+')
  writeSync(handle, Buffer.from('damaged'), 0, 7, statSync(path).size - 300)
  closeSync(handle)
  await expect(spool.ticksAfter(BTC, 0, 10)).rejects.toMatchObject({ code: 'tier_unavailable' })
  const next = (await spool.next(100))!
  const gap = { instrument: BTC, from: 4, to: 6, status: 'open', reason: 'spool damaged' }
  expect(next.batch).toEqual({ ...ticks(BTC, ...linked(1, 3), ...linked(7, 9)), gaps: [gap] })
  expect(dropped).toEqual([gap])
  expect(log.lines.map(({ message }) => message)).toEqual(['spool: ticks are damaged'])
  await next.release()
  expect(spool.isEmpty).toBe(true)
})
