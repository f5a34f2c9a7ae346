import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { CandleMessage, PriceMessage } from '../client/messages.ts'
import type { ClientTick } from '../client/ticks.ts'

/** What `tail` prints, one a line. */
export type Row = Omit<ClientTick, 'live'> | CandleMessage | PriceMessage

export const FORMATS = ['ndjson', 'csv'] as const
export type Format = (typeof FORMATS)[number]

const COLUMNS: Readonly<Record<Row['type'], readonly string[]>> = {
  tick: ['symbol', 'id', 'prev', 'price', 'size', 'side', 'time', 'received', 'backfilled', 'period', 'vintage'],
  candle: [
    ...['symbol', 'timeframe', 'time', 'open', 'high', 'low', 'close', 'volume', 'quoteVolume', 'buyVolume'],
    ...['trades', 'final', 'revision', 'cursor'],
  ],
  price: [
    ...['symbol', 'id', 'price', 'time', 'skipped', 'stale', 'change24h', 'high24h', 'low24h', 'volume24h'],
    ...['market', 'delay'],
  ],
}

/** The lines of a row; a CSV begins with the names of its columns. */
export function createFormatter(format: Format): (row: Row) => string {
  if (format === 'ndjson') return (row) => `${JSON.stringify(row)}\n`
  let headed = false
  return (row) => {
    const columns = COLUMNS[row.type]
    const fields = Object.entries(row)
    const line = columns.map((column) => csvField(fields.find(([name]) => name === column)?.[1])).join(',')
    const head = headed ? '' : `${columns.join(',')}\n`
    headed = true
    return `${head}${line}\n`
  }
}

function csvField(value: unknown): string {
  const text = value === undefined || value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Writes when there is room; returns at once when `signal` aborts, for a reader that has left never makes room. */
export async function write(out: Writable, text: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || out.write(text)) return
  try {
    await once(out, 'drain', { signal })
  } catch {
    // Aborted, or the reader left: the loop that writes sees both on its signal.
  }
}
