import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BinanceSimulator, startBinanceSimulator } from '../../src/simulate/binance.ts'
import { connectStream } from './stream-client.ts'

const DAY = 86_400_000
const RECORDED = Date.UTC(2024, 7, 8, 23, 59, 58)
const NOW = Date.UTC(2026, 10, 22, 8, 0)
/** The recording ends three seconds after midnight: in the day that ends now, that is today. */
const SHIFT = Date.UTC(2026, 10, 22) - Date.UTC(2024, 7, 9)

let directory: string
let simulator: BinanceSimulator | undefined
let wall: number
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tickgate simulate '))
  wall = NOW
})
afterEach(async () => {
  await simulator?.close()
  simulator = undefined
  rmSync(directory, { recursive: true })
})

/** Fifty trades a tenth of a second apart. */
function csvRows(firstId: number, startTime = RECORDED): readonly string[] {
  return Array.from({ length: 50 }, (_, n) => {
    const raw = [firstId * 2 + 2 * n, firstId * 2 + 2 * n + 1]
    return `${firstId + n},618${n % 10}.5${n % 3}000000,0.0${10 + n}00000,${raw},${startTime + 100 * n},${n % 2 === 0},true`
  })
}

function file(name: string, rows: readonly string[]): string {
  const path = join(directory, name)
  writeFileSync(path, `${rows.join('\n')}\n`)
  return path
}

async function start(options: Parameters<typeof startBinanceSimulator>[0]): Promise<BinanceSimulator> {
  simulator = await startBinanceSimulator({ now: () => wall, ...options })
  return simulator
}

async function rest(path: string): Promise<unknown> {
  return (await fetch(`${simulator!.restUrl}/api/v3/${path}`)).json()
}

function later<T>(ms: number, read: () => T): T {
  wall += ms
  return read()
}

describe('a recording', () => {
  test('is shifted by whole days into the last day and waits for the first listener', async () => {
    await start({ recordings: [file('BTCUSDT-aggTrades-2024-08-08.csv', csvRows(700))] })
    expect(await rest('aggTrades?symbol=BTCUSDT')).toEqual([])
    expect(await rest('klines?symbol=BTCUSDT&interval=1m')).toEqual([])
    expect(await rest('time')).toEqual({ serverTime: RECORDED + SHIFT - 1 })
    expect(SHIFT % DAY).toBe(0)
    wall += 60_000
    expect(await rest('aggTrades?symbol=BTCUSDT')).toEqual([])

    const client = await connectStream(`${simulator!.streamUrl}/ws/btcusdt@aggTrade`)
    await expect.poll(() => later(1_000, () => client.messages.length), { interval: 20 }).toBe(50)
    expect(client.messages[3]).toEqual({
      ...{ e: 'aggTrade', E: expect.any(Number), s: 'BTCUSDT', a: 703, p: '6183.50000000', q: '0.01300000' },
      ...{ f: 1406, l: 1407, T: RECORDED + SHIFT + 300, m: false, M: true },
    })
    client.webSocket.terminate()
  })

  test('plays as many times faster as it is told', async () => {
    await start({ recordings: [file('ETHUSDT.csv', csvRows(1))], speed: 10 })
    const client = await connectStream(`${simulator!.streamUrl}/ws/ethusdt@aggTrade`)
    await expect
      .poll(() => later(10, () => rest('time')), { interval: 10 })
      .not.toEqual({ serverTime: RECORDED + SHIFT - 1 })
    const from = ((await rest('time')) as { serverTime: number }).serverTime
    wall += 200
    expect(await rest('time')).toEqual({ serverTime: from + 2_000 })
    client.webSocket.terminate()
  })

  test('at full speed is over as soon as it is taken, and nothing of it is lost', async () => {
    const recordings = [file('BTCUSDT.csv', csvRows(700)), file('ETHUSDT.csv', csvRows(9_000, RECORDED + 50))]
    await start({ recordings, speed: 'max' })
    const client = await connectStream(`${simulator!.streamUrl}/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade`)
    const messages = (await client.received(100)) as readonly { stream: string; data: { a: number } }[]
    const ids = (stream: string) => messages.filter((message) => message.stream === stream).map(({ data }) => data.a)
    expect(ids('btcusdt@aggTrade')).toEqual(Array.from({ length: 50 }, (_, n) => 700 + n))
    expect(ids('ethusdt@aggTrade')).toEqual(Array.from({ length: 50 }, (_, n) => 9_000 + n))
    client.webSocket.terminate()
  })

  test('can have a past at its start', async () => {
    await start({ recordings: [file('BTCUSDT.csv', csvRows(700))], pastTrades: 30 })
    const trades = (await rest('aggTrades?symbol=BTCUSDT')) as readonly { a: number }[]
    expect(trades.map(({ a }) => a)).toEqual(Array.from({ length: 30 }, (_, n) => 700 + n))
    const klines = (await rest('klines?symbol=BTCUSDT&interval=1m')) as readonly (readonly unknown[])[]
    expect(klines.map((row) => [row[0], row[8]])).toEqual([
      [RECORDED + SHIFT - 58_000, 40],
      [RECORDED + SHIFT + 2_000, 20],
    ])
  })

  test('is read with a header, in µs, with capital booleans and Windows line ends', async () => {
    const rows = csvRows(700).map((row) =>
      row
        .replace(/(17\d{11})/, '$1000')
        .replace('true,true', 'True,True')
        .replace('false,true', 'False,True'),
    )
    const path = file(
      'export.csv',
      ['agg_trade_id,price,quantity,first,last,time,maker,best', ...rows].map((r) => `${r}\r`),
    )
    await start({ recordings: [{ path, symbol: 'SOLUSDT' }], pastTrades: 50 })
    expect(await rest('aggTrades?symbol=SOLUSDT&fromId=748')).toEqual([
      { a: 748, p: '6188.50000000', q: '0.05800000', f: 1496, l: 1497, T: RECORDED + SHIFT + 4_800, m: true, M: true },
      { a: 749, p: '6189.51000000', q: '0.05900000', f: 1498, l: 1499, T: RECORDED + SHIFT + 4_900, m: false, M: true },
    ])
  })
})

describe('a bad recording is refused with its line', () => {
  const changed = (line: number, change: (row: string) => string) =>
    csvRows(700).map((row, index) => (index === line - 1 ? change(row) : row))

  test.each([
    [
      'a hole in the ids',
      changed(7, (row) => row.replace('706,', '709,')),
      "line 7: id must be 706, one more than before, was '709'",
    ],
    [
      'a price that is none',
      changed(3, (row) => row.replace(/,618\S*?,/, ',n/a,')),
      "line 3: price must be a decimal above zero with at most eight places, was 'n/a'",
    ],
    [
      'a time that falls',
      changed(9, (row) => row.replace(/17\d{11}/, '1000000000000')),
      'line 9: time must not be before',
    ],
    [
      'a side that is none',
      changed(2, (row) => row.replace('false,true', 'maybe,true')),
      "line 2: isBuyerMaker must be true or false, was 'maybe'",
    ],
    ['a row cut short', changed(50, (row) => row.slice(0, 20)), 'line 50: '],
    ['no rows', [], 'must hold at least one trade'],
  ])('%s', async (_what, rows, message) => {
    const starting = startBinanceSimulator({ recordings: [file('BTCUSDT.csv', rows)] })
    await expect(starting).rejects.toMatchObject({ code: 'row_refused', message: expect.stringContaining(message) })
  })

  test('a file that is not there', async () => {
    const starting = startBinanceSimulator({ recordings: [join(directory, 'BTCUSDT.csv')] })
    await expect(starting).rejects.toMatchObject({ code: 'config_invalid' })
  })
})
