import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Kline } from './market.ts'

const FILE = 'minutes.ndjson'

/** `[symbol, openTime, open, high, low, close, volume, quote, trades, buy, buyQuote, firstTradeId, lastTradeId]` */
const ROW = z.tuple([
  z.string(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  z.string(),
  z.number(),
  z.number(),
  z.string(),
  z.number(),
  z.number(),
])
type Row = z.infer<typeof ROW>

/** Closed minutes of made-up markets, on disk, so that a restart need not fold weeks of trades again. */
export interface KeptMinutes {
  /** The unbroken run of minutes from the first kept one on. */
  of(symbol: string): readonly Kline[]
  keep(symbol: string, minutes: readonly Kline[]): void
}

/**
 * Opens `minutes.ndjson`. It is a cache: every row can be made again from the trades, so what cannot be read (a line cut
 * short by a crash) is forgotten, with what follows it.
 */
export function openKeptMinutes(directory: string, fresh: boolean): KeptMinutes {
  const file = join(directory, FILE)
  if (fresh) rmSync(file, { force: true })
  const { rows, whole } = readRows(file)
  if (!whole) {
    writeFileSync(`${file}.tmp`, rows.map(printRow).join(''))
    renameSync(`${file}.tmp`, file)
  }
  const bySymbol = new Map<string, Kline[]>()
  for (const [symbol, ...fields] of rows) {
    const minutes = bySymbol.get(symbol) ?? []
    bySymbol.set(symbol, minutes)
    const previous = minutes.at(-1)
    if (previous === undefined || fields[0] === previous.openTime + 60_000) minutes.push(toKline(fields))
  }
  return {
    of: (symbol) => bySymbol.get(symbol) ?? [],
    keep(symbol, minutes) {
      appendFileSync(file, minutes.map((minute) => printRow(toRow(symbol, minute))).join(''))
    },
  }
}

/** The rows up to the first line that is none. */
function readRows(file: string): { readonly rows: readonly Row[]; readonly whole: boolean } {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    // Not there yet, or unreadable: a cache is then simply empty, and writing it says what is wrong.
    return { rows: [], whole: true }
  }
  const rows: Row[] = []
  for (const line of text.split('\n').slice(0, -1)) {
    const row = readRow(line)
    if (!row) return { rows, whole: false }
    rows.push(row)
  }
  return { rows, whole: text === '' || text.endsWith('\n') }
}

function readRow(line: string): Row | undefined {
  try {
    return ROW.parse(JSON.parse(line))
  } catch {
    // A line cut short: see above.
    return undefined
  }
}

function printRow(row: Row): string {
  return `${JSON.stringify(row)}\n`
}

function toRow(symbol: string, minute: Kline): Row {
  const { openTime, open, high, low, close, volume, quoteVolume, trades, buyVolume, buyQuoteVolume } = minute
  const sums = [volume, String(quoteVolume), trades, buyVolume, String(buyQuoteVolume)] as const
  return [symbol, openTime, open, high, low, close, ...sums, minute.firstTradeId, minute.lastTradeId]
}

type Tail<T extends readonly unknown[]> = T extends readonly [unknown, ...infer Rest] ? Rest : never

function toKline(fields: Tail<Row>): Kline {
  const [openTime, open, high, low, close, volume, quote, trades, buyVolume, buyQuote, firstTradeId, lastTradeId] =
    fields
  const quotes = { quoteVolume: BigInt(quote), buyQuoteVolume: BigInt(buyQuote) }
  return { openTime, open, high, low, close, volume, trades, buyVolume, firstTradeId, lastTradeId, ...quotes }
}
