import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseTimeframe } from '../../src/market/timeframe.ts'
import { parseKlines } from './exchange-klines.ts'
import { type KnownKlines, proveRecording, type RecordingPlan } from './prove-recording.ts'

/** `BTCUSDT-5m-2024-08-08.csv`: symbol, what it holds, and the day. */
const NAME = /^([A-Z0-9]+)-([A-Za-z0-9]+)-(\d{4}-\d{2}-\d{2})\.csv$/
/** From nothing, and in the middle: what has happened by then comes over REST, and its open candles are composed. */
const SHARES_PAST = [0, 1 / 3]

interface RecordedFile {
  readonly path: string
  readonly symbol: string
  /** `aggTrades`, `trades`, or the timeframe of klines. */
  readonly holds: string
  readonly day: string
}

/**
 * Plays recorded trades of Binance through the whole gateway and compares what is stored with them. The folder has files
 * of the exchange's public archive, or what looks like them: `BTCUSDT-aggTrades-2024-08-08.csv` (or `-trades-`, each trade
 * its own aggregate) and, for their times, `BTCUSDT-5m-2024-08-08.csv`. Whether all went well; undefined: there are none.
 */
export async function proveTrades(directory: string): Promise<boolean | undefined> {
  const files = (await readdir(directory)).flatMap((file): readonly RecordedFile[] => {
    const [, symbol = '', holds = '', day = ''] = NAME.exec(file) ?? []
    return symbol === '' ? [] : [{ path: join(directory, file), symbol, holds, day }]
  })
  const recorded = files.filter(({ holds }) => holds === 'aggTrades' || holds === 'trades')
  if (recorded.length === 0) return undefined
  let isWell = true
  for (const day of new Set(recorded.map((file) => file.day))) {
    const recordings = recorded.filter((file) => file.day === day).map(({ path }) => path)
    const known = await readKnown(files.filter((file) => file.day === day))
    const trades = (await Promise.all(recordings.map(countRows))).reduce((sum, rows) => sum + rows, 0)
    console.log(`${recordings.map((path) => basename(path)).join(', ')}: ${trades} trades`)
    for (const share of SHARES_PAST) {
      const plan = { recordings, known, pastTrades: Math.floor(trades * share) }
      isWell = (await prove(plan, trades)) && isWell
    }
  }
  return isWell
}

async function prove(plan: RecordingPlan, recordedTrades: number): Promise<boolean> {
  const { trades, seconds, compared, intervalEnds, differences } = await proveRecording(plan)
  const isWhole = plan.pastTrades > 0 || trades === recordedTrades
  console.log(
    `${isWhole && differences.length === 0 ? 'ok' : 'NOT OK'}: with ${plan.pastTrades} in the past: ` +
      `${trades} stored once and in order, played in ${seconds.toFixed(1)} s; ` +
      `${compared.known} candles compared with the exchange's, ${compared.made} with those of the same trades; ` +
      `${intervalEnds} interval ends; ${differences.length} differences`,
  )
  if (!isWhole) console.log(`  ${recordedTrades} trades must be stored, were ${trades}`)
  for (const difference of differences.slice(0, 20)) console.log(`  ${difference}`)
  return isWhole && differences.length === 0
}

async function readKnown(files: readonly RecordedFile[]): Promise<readonly KnownKlines[]> {
  const known = files.map((file) => ({ ...file, timeframe: parseTimeframe(file.holds) }))
  const read = known.map(async ({ path, symbol, timeframe }) =>
    timeframe === undefined || timeframe === 'native'
      ? []
      : [{ symbol, timeframe, klines: parseKlines(await readFile(path, 'utf8')) }],
  )
  return (await Promise.all(read)).flat()
}

async function countRows(path: string): Promise<number> {
  return (await readFile(path, 'utf8')).split('\n').filter((line) => /^\d/.test(line)).length
}
