import type { Log } from '../base/log.ts'
import type { Feed } from '../feed.ts'
import type { Chart, ChartRange, ChartSource } from '../http/chart.ts'
import { type OhlcvRow, toOhlcvRow } from '../market/candle.ts'
import type { ChartTimeframe, Timeframe } from '../market/timeframe.ts'
import type { ChartDatabase } from '../streams/charts/candle-pages.ts'
import { ChartReader } from '../streams/charts/chart-reader.ts'
import type { ReadCandles } from '../streams/charts/read-candles.ts'
import type { CacheKey } from '../tiers/cache/cache-keys.ts'
import { CandleRows } from '../tiers/cache/candle-rows.ts'
import type { CandlesValue } from '../tiers/cache/values.ts'
import type { MemoryStream, MemoryTier } from '../tiers/memory/memory.ts'
import type { CacheSide } from './cache-side.ts'
import { seriesChart } from './series-chart.ts'

export interface ChartSideParts {
  readonly memory: MemoryTier
  readonly database: ChartDatabase
  readonly feeds: readonly Feed[]
  readonly cacheSide: Pick<CacheSide, 'cache' | 'keys'>
  readonly log: Log
  readonly now: () => number
}

/** What clients see of charts. */
export interface ChartSide extends ChartSource {
  /** For histories that are deeper than memory's window. @throws GatewayError tier_unavailable */
  readonly olderCandles: ChartReader['older']
  close(): Promise<void>
}

/** The rows that are kept under `chart:{symbol}:{timeframe}`. */
const CACHED_ROWS = 500
/** How often what memory answers is written there for others, at most. */
const WRITE_EVERY_MS = 5_000

export function createChartSide({ memory, database, feeds, cacheSide, log, now }: ChartSideParts): ChartSide {
  const { cache, keys } = cacheSide
  const feedOf = ({ source }: { readonly source: string }) => feeds.find(({ name }) => name === source)
  const reader = new ChartReader({ database, feedOf, log, now })
  const writtenAt = new Map<string, number>()
  const asOf = new Map<string, { readonly stream: MemoryStream; readonly behind: number }>()

  /** What the cache has of a chart may be old once candles behind memory's were changed. */
  function dropIfRevised(key: CacheKey<CandlesValue>, stream: MemoryStream, timeframe: Timeframe): void {
    const behind = stream.behind(timeframe)
    const known = asOf.get(key.name)
    if (known !== undefined && (known.stream !== stream || known.behind !== behind)) void cache.delete(key)
    asOf.set(key.name, { stream, behind })
  }

  /** The newest rows: memory's own where there are enough or no others, else what the cache has before them. */
  async function newest(stream: MemoryStream, timeframe: Timeframe, limit: number): Promise<Chart> {
    const key = keys.chart(stream.instrument.symbol, timeframe)
    if (reader.holds(stream, timeframe, limit) || stream.holdsAll(timeframe)) {
      const chart = toChart(await reader.newest(stream, timeframe, undefined, limit))
      const isDue = limit >= CACHED_ROWS && now() - (writtenAt.get(key.name) ?? 0) >= WRITE_EVERY_MS
      if (isDue) {
        writtenAt.set(key.name, now())
        cache.set(key, { cursor: chart.cursor, candles: CandleRows.of(chart.candles) })
      }
      return chart
    }
    dropIfRevised(key, stream, timeframe)
    const cached = await cache.getOrLoad(key, () => load(stream, timeframe))
    const rows = cached === undefined ? undefined : joined(cached.value, stream, timeframe)
    if (cached === undefined || rows === undefined || rows.length < limit) {
      return toChart(await reader.newest(stream, timeframe, undefined, limit))
    }
    const candles = rows.slice(-limit)
    const cursor = Math.max(cached.value.cursor ?? -1, stream.cursor ?? -1)
    const next = reader.isFirst(stream, timeframe, candles[0]![0]) ? null : candles[0]![0]
    const { tier, ageMs } = cached
    return { candles, cursor: cursor < 0 ? null : cursor, isWhole: stream.warm, tier, ageMs, next }
  }

  async function load(stream: MemoryStream, timeframe: Timeframe): Promise<CandlesValue | undefined> {
    const { candles, cursor, isWhole } = await reader.newest(stream, timeframe, undefined, CACHED_ROWS)
    return isWhole ? { cursor, candles: CandleRows.of(candles.map(toOhlcvRow)) } : undefined
  }

  /** Cached rows up to memory's own; undefined when there may be others between the two. */
  function joined(value: CandlesValue, stream: MemoryStream, timeframe: Timeframe): readonly OhlcvRow[] | undefined {
    // Another process was further than this one, which has only just started.
    if (!stream.warm && (value.cursor ?? -1) > (stream.cursor ?? -1)) return value.candles.rows()
    const held = reader.held(stream, timeframe).map(toOhlcvRow)
    const edge = held[0]?.[0]
    const { lastTime = Number.NEGATIVE_INFINITY } = value.candles
    const rows = value.candles.rows()
    if (edge === undefined) return rows
    return lastTime < edge ? undefined : [...rows.filter(([time]) => time < edge), ...held]
  }

  return {
    stream: (symbol) => memory.stream(symbol),
    awaited: () => memory.awaited(),
    async chart(symbol: string, timeframe: ChartTimeframe, range: ChartRange): Promise<Chart> {
      const stream = memory.stream(symbol)
      if (stream === undefined) return NOTHING
      if (stream.series !== undefined) return seriesChart(stream.series, stream.cursor, timeframe, range)
      if (timeframe === 'native') return NOTHING
      const { from, to, limit } = range
      if (from === undefined && to === undefined && limit <= CACHED_ROWS) return newest(stream, timeframe, limit)
      const read =
        from === undefined
          ? reader.newest(stream, timeframe, to, limit)
          : reader.from(stream, timeframe, { from, to: to ?? Number.POSITIVE_INFINITY }, limit)
      return toChart(await read)
    },
    olderCandles: (...asked) => reader.older(...asked),
    close: () => reader.close(),
  }
}

const NOTHING: Chart = { candles: [], cursor: null, isWhole: false, tier: 'memory', ageMs: 0, next: null }

function toChart({ candles, cursor, isWhole, tier, next }: ReadCandles): Chart {
  return { candles: candles.map(toOhlcvRow), cursor, isWhole, tier, ageMs: 0, next }
}
