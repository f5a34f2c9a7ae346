import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import type { OhlcvRow } from '../market/candle.ts'
import { streamName } from '../market/instrument.ts'
import { refuseTimeframe, type StreamCandles } from '../market/stream-candles.ts'
import type { Cursor } from '../market/tick.ts'
import { CHART_TIMEFRAMES, type ChartTimeframe, parseTimeframe } from '../market/timeframe.ts'
import type { TickSource, TickView } from './read-ticks.ts'
import { findStream, readQuery } from './ticks.ts'

/** Which candles: from a moment on, else the newest; all of them begin before `to` (Unix ms). */
export interface ChartRange {
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly limit: number
}

export interface Chart {
  /** Ascending, no doubles; the last may be open. */
  readonly candles: readonly OhlcvRow[]
  /** The newest tick that they hold, if they reach up to it. */
  readonly cursor: Cursor | null
  /** None is missing; else these are those that are stored. */
  readonly isWhole: boolean
  readonly tier: 'memory' | 'redis' | 'database'
  readonly ageMs: number
  /** Where the next answer begins, or, without `from`, ends; null: there is no more. */
  readonly next: number | null
}

/** Where charts are read. */
export interface ChartSource extends Pick<TickSource, 'awaited'> {
  stream(symbol: string): (TickView & Pick<StreamCandles, 'timeframes'>) | undefined
  /** Of a timeframe that the stream has. */
  chart(symbol: string, timeframe: ChartTimeframe, range: ChartRange): Promise<Chart>
}

const STANDARD_ROWS = 500
const MOST_ROWS = 5_000

const time = z
  .string()
  .regex(/^\d{1,15}$/, 'must be Unix milliseconds')
  .transform(Number)
const rows = z
  .string()
  .regex(/^\d{1,9}$/, 'must be a whole number')
  .transform(Number)
  .refine((value) => value >= 1 && value <= MOST_ROWS, `must be from 1 to ${MOST_ROWS}`)
const Path = z.object({ symbol: z.string() })
const Query = z.strictObject({
  timeframe: z.string().optional(),
  limit: rows.optional(),
  from: time.optional(),
  to: time.optional(),
})

const RESPONSE = {
  type: 'object',
  required: ['symbol', 'stream', 'timeframe', 'cursor', 'complete', 'candles'],
  properties: {
    symbol: { type: 'string' },
    stream: { type: 'string' },
    timeframe: { type: 'string' },
    cursor: { type: ['integer', 'null'] },
    complete: { type: 'boolean' },
    before: { type: ['integer', 'null'] },
    next: { type: ['integer', 'null'] },
    candles: { type: 'array', items: { type: 'array', items: { type: 'number' } } },
  },
} as const

/**
 * `/api/v1/chart/:symbol`: candles in ccxt's order, the newest before `to`, or the oldest from `from` on, as far back as
 * the source has them. To go on: `to` = `before`, or `from` = `next`.
 */
export function addChart(app: FastifyInstance, source: () => ChartSource | undefined): void {
  app.get('/api/v1/chart/:symbol', { schema: { response: { 200: RESPONSE } } }, async (request, reply) => {
    const { limit = STANDARD_ROWS, timeframe: spelled = '1m', from, to } = readQuery(Query, request.query)
    const timeframe = readTimeframe(spelled)
    const charts = source()
    if (charts === undefined) throw new GatewayError('unavailable', 'the gateway is starting')
    const view = findStream(readQuery(Path, request.params).symbol, charts)
    const { instrument } = view
    const { symbol } = instrument
    const refusal = refuseTimeframe(symbol, timeframe, view)
    if (refusal !== undefined) throw refusal
    const chart = await charts.chart(symbol, timeframe, { from, to, limit })
    const { candles, cursor, isWhole, tier, ageMs, next } = chart
    return reply
      .headers({ 'cache-control': 'no-store', 'x-cache': tier, age: String(Math.floor(ageMs / 1_000)) })
      .send({
        ...{ symbol, stream: streamName(instrument), timeframe, cursor, complete: isWhole, candles },
        ...(from === undefined ? { before: next } : { next }),
      })
  })
}

/** @throws GatewayError bad_timeframe */
function readTimeframe(text: string): ChartTimeframe {
  const timeframe = parseTimeframe(text)
  if (timeframe !== undefined) return timeframe
  throw new GatewayError(
    'bad_timeframe',
    `timeframe must be one of ${CHART_TIMEFRAMES.join(', ')}, was ${text.slice(0, 16)}`,
  )
}
