import type { Candle } from './candle.ts'
import type { Instrument } from './instrument.ts'
import type { MarketState } from './market-state.ts'
import type { Update } from './tick.ts'
import { bucketStart, type ChartTimeframe, TIMEFRAME_MS, type Timeframe } from './timeframe.ts'

/** What is told beside a price. A field is absent where it is not known, or means nothing for the instrument. */
export interface DaySummary {
  /** In units of the price, not a share of it. */
  readonly change24h?: number | undefined
  readonly high24h?: number | undefined
  readonly low24h?: number | undefined
  readonly volume24h?: number | undefined
}

/** The part of a stream that it is computed from. */
export interface SummarizedStream {
  readonly instrument: Instrument
  readonly latest: Update | undefined
  readonly market?: MarketState | undefined
  /** The source's time at our `now`; unset: ours is its. */
  readonly clock?: { now(now: number): number | undefined }
  candles(timeframe: ChartTimeframe, count: number): readonly Candle[]
  candleAt(timeframe: Timeframe, time: number): Candle | undefined
  candleBefore(timeframe: Timeframe, time: number): Candle | undefined
  holdsAll(timeframe: Timeframe): boolean
}

const DAY_MS = TIMEFRAME_MS['1D']
const HOUR_MS = TIMEFRAME_MS['1h']
/** Where the day begins is told this exactly, by the first of them that reaches back to there. */
const EDGES = ['5m', '15m', '30m', '1h'] as const satisfies readonly Timeframe[]

/**
 * Of what is traded around the clock the last 24 hours, on the source's clock, to the five minutes (high, low and volume
 * at most a second behind the price, ten where missed trades were found); of a stock the
 * exchange day, and the change against the close before it; of a series the change against the period before.
 */
export function summarizeDay(stream: SummarizedStream, now: number): DaySummary {
  const price = stream.latest?.price
  if (price === undefined) return {}
  const { assetClass } = stream.instrument
  if (assetClass === 'crypto') return rollingDay(stream, price, now)
  return assetClass === 'stock' ? exchangeDay(stream, price) : sinceLast(stream, price)
}

/** `a` less `b`, as if they were the decimals that they print as. */
export function decimalDifference(a: number, b: number): number {
  const digits = Math.max(decimalsOf(a), decimalsOf(b))
  return Number((a - b).toFixed(Math.min(digits, 100)))
}

function exchangeDay({ market }: SummarizedStream, price: number): DaySummary {
  if (market === undefined) return {}
  const { previousClose, high, low, volume } = market.day
  const change24h = previousClose === undefined ? undefined : decimalDifference(price, previousClose)
  return { change24h, high24h: high, low24h: low, volume24h: volume }
}

/** A period without a value is passed over. */
function sinceLast(stream: SummarizedStream, price: number): DaySummary {
  const [before, newest] = stream.candles('native', 2)
  return before === undefined || newest === undefined ? {} : { change24h: decimalDifference(price, before.close) }
}

interface Day {
  /** The price at its beginning. */
  readonly reference: number | undefined
  readonly high: number
  readonly low: number
  readonly volume: number
  /** Of our `now`. */
  readonly readAt: number
}

/** What the day holds before its newest hours: it changes only as it moves on, and when missed trades are found. */
interface Past extends Day {
  /** From here on the hours are read anew. */
  readonly until: number
  readonly expiresAt: number
}

const DAY_LIVES_MS = 1_000
const days = new WeakMap<SummarizedStream, Day>()

/** Five to ten seconds: a thousand streams that were read at one moment are not read again at one moment. */
const PAST_MS = 5_000
const pasts = new WeakMap<SummarizedStream, Past>()

function rollingDay(stream: SummarizedStream, price: number, now: number): DaySummary {
  const day = dayOf(stream, now)
  // Less than a day is known of it: what there is would be taken for the day's.
  if (day === undefined) return {}
  return {
    change24h: decimalDifference(price, day.reference ?? price),
    high24h: Math.max(day.high, price),
    low24h: Math.min(day.low, price),
    volume24h: day.volume,
  }
}

/** The candles are read once a second at most: each reading makes them take in what was gathered for them. */
function dayOf(stream: SummarizedStream, now: number): Day | undefined {
  const known = days.get(stream)
  if (known !== undefined && now >= known.readAt && now < known.readAt + DAY_LIVES_MS) return known
  const past = pastOf(stream, now)
  if (past === undefined) return undefined
  let { reference, high, low, volume } = past
  for (const row of stream.candles('1h', NEWEST_HOURS)) {
    if (row.time < past.until) continue
    reference ??= row.open
    if (row.high > high) high = row.high
    if (row.low < low) low = row.low
    volume += row.volume
  }
  // Each is a sum of steps: what is finer is the doubles' own.
  volume = Number(volume.toFixed(Math.min(stream.instrument.sizeDigits, 100)))
  const day = { reference, high, low, volume, readAt: now }
  days.set(stream, day)
  return day
}

/** A past that was read lives through the turn of an hour. */
const NEWEST_HOURS = 2

function pastOf(stream: SummarizedStream, now: number): Past | undefined {
  const known = pasts.get(stream)
  if (known !== undefined && now >= known.readAt && now < known.expiresAt) return known
  const read = readPast(stream, now)
  if (read !== undefined) pasts.set(stream, read)
  return read
}

/** The hours of the day by their candles, and what is before the first full one by finer ones: forty rows, not 288. */
function readPast(stream: SummarizedStream, now: number): Past | undefined {
  const time = stream.clock?.now(now) ?? now
  const since = time - DAY_MS
  for (const edge of EDGES) {
    const start = bucketStart(edge, since)
    const before = stream.candleBefore(edge, start)
    const reachesBack = before !== undefined || stream.candleAt(edge, start) !== undefined
    if (!reachesBack && !stream.holdsAll(edge)) continue
    const until = bucketStart('1h', Math.max(time, stream.latest?.time ?? time))
    const rows = rowsBetween(stream, edge, start, until)
    let [high, low, volume] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0]
    for (const row of rows) {
      if (row.high > high) high = row.high
      if (row.low < low) low = row.low
      volume += row.volume
    }
    const reference = before?.close ?? rows[0]?.open
    const expiresAt = now + PAST_MS + ((stream.latest?.id ?? 0) % PAST_MS)
    return { until, reference, high, low, volume, readAt: now, expiresAt }
  }
  return undefined
}

/** Ascending. */
function rowsBetween(stream: SummarizedStream, edge: Timeframe, start: number, until: number): readonly Candle[] {
  const firstHour = bucketStart('1h', start + HOUR_MS - 1)
  const rows: Candle[] = []
  for (let time = start; time < firstHour; time += TIMEFRAME_MS[edge]) {
    const row = stream.candleAt(edge, time)
    if (row !== undefined) rows.push(row)
  }
  for (const row of stream.candles('1h', DAY_MS / HOUR_MS + 2)) {
    if (row.time >= firstHour && row.time < until) rows.push(row)
  }
  return rows
}

function decimalsOf(value: number): number {
  const [digits = '', exponent = '0'] = String(value).split('e')
  const point = digits.indexOf('.')
  return Math.max(0, (point < 0 ? 0 : digits.length - point - 1) - Number(exponent))
}
