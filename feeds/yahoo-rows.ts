import { z } from 'zod'
import { GatewayError } from '../src/base/errors.ts'

/** What a chart says, in order of time, without what is no candle. */
export interface YahooChart {
  readonly rows: readonly ChartRow[]
  /** The running regular session, or the next (Unix ms). */
  readonly session: { readonly from: number; readonly to: number } | undefined
  /** Of the first row that there is in all of Yahoo's history of it (Unix ms). */
  readonly firstTime: number | undefined
}

export interface ChartRow {
  readonly time: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
}

const LATEST_TIME = 9e12

/**
 * Reads the rows of a chart. Rows without a price are minutes without a trade, or the places of events. Of two rows of
 * one moment the later one counts.
 * @throws GatewayError feed_broken when it is no chart
 */
export function readChart(chart: unknown): YahooChart {
  const parsed = Chart.safeParse(chart)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new GatewayError('feed_broken', `Yahoo must answer a chart, was: ${issue?.path.join('.')}: ${issue?.message}`)
  }
  const { meta, timestamp, indicators } = parsed.data
  const columns = indicators.quote[0] ?? {}
  const rowsByTime = new Map<number, ChartRow>()
  timestamp?.forEach((seconds, n) => {
    const row = readRow(seconds, n, columns)
    if (row !== undefined) rowsByTime.set(row.time, row)
  })
  const rows = [...rowsByTime.values()].sort((a, b) => a.time - b.time)
  const regular = meta?.currentTradingPeriod?.regular
  const [from, to] = [toMs(regular?.start), toMs(regular?.end)]
  return {
    rows,
    session: from === undefined || to === undefined ? undefined : { from, to },
    firstTime: toMs(meta?.firstTradeDate),
  }
}

function readRow(seconds: unknown, n: number, columns: Columns): ChartRow | undefined {
  const time = toMs(seconds)
  const [open, high, low, close] = [columns.open, columns.high, columns.low, columns.close].map((column) => column?.[n])
  if (time === undefined || !(isPrice(open) && isPrice(high) && isPrice(low) && isPrice(close))) return undefined
  const volume = columns.volume?.[n]
  const prices = [open, high, low, close].map(asPrinted)
  return {
    time,
    open: asPrinted(open),
    // Some of Yahoo's rows close outside of their own range.
    high: Math.max(...prices),
    low: Math.min(...prices),
    close: asPrinted(close),
    volume: typeof volume === 'number' && volume > 0 && Number.isFinite(volume) ? volume : 0,
  }
}

/** Charts hold 32-bit floats: 74.05999755859375 was printed 74.06. */
export function asPrinted(price: number): number {
  if (Math.fround(price) !== price) return price
  for (let digits = 6; digits <= 9; digits++) {
    const shorter = Number(price.toPrecision(digits))
    if (Math.fround(shorter) === price) return shorter
  }
  return price
}

function isPrice(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}

/** Of a Date, as the package makes it in some places, or of seconds. */
function toMs(time: unknown): number | undefined {
  const ms = time instanceof Date ? time.getTime() : typeof time === 'number' ? time * 1_000 : Number.NaN
  return Number.isSafeInteger(ms) && Math.abs(ms) <= LATEST_TIME ? ms : undefined
}

// --- the part of a chart that we use ---

const Column = z.array(z.unknown()).nullish()
const Columns = z.object({ open: Column, high: Column, low: Column, close: Column, volume: Column })
type Columns = Partial<z.infer<typeof Columns>>

const Chart = z.object({
  meta: z
    .object({
      currentTradingPeriod: z
        .object({ regular: z.object({ start: z.unknown().optional(), end: z.unknown().optional() }).optional() })
        .optional()
        .catch(undefined),
      firstTradeDate: z.unknown().optional(),
    })
    .optional(),
  timestamp: z.array(z.unknown()).nullish(),
  indicators: z.object({ quote: z.array(Columns) }),
})
