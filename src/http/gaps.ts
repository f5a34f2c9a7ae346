import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import type { IdRange } from '../market/id-range.ts'
import type { TickSource } from './read-ticks.ts'
import { findStream, readQuery } from './ticks.ts'

/** A hole that was told, and what became of it; as it is listed to users. Bounds are inclusive. */
export interface ListedGap extends IdRange {
  readonly symbol: string
  /** Name of its stream: `binance:BTCUSDT`. */
  readonly stream: string
  readonly count: number
  readonly status: 'open' | 'filled' | 'unfillable'
  readonly reason?: string | undefined
}

/** Where they are read. */
export interface GapSource extends Pick<TickSource, 'stream' | 'awaited'> {
  symbols(): readonly string[]
  /** From the database, ascending. @throws GatewayError tier_unavailable */
  gaps(symbol: string): Promise<readonly ListedGap[]>
}

/** Of each symbol, the newest. */
const MOST_GAPS = 10_000

const Query = z.strictObject({ symbol: z.string().optional() })

/** `/api/v1/gaps`: every hole that was told, of one symbol or of all. */
export function addGaps(app: FastifyInstance, source: () => GapSource | undefined): void {
  app.get('/api/v1/gaps', async (request, reply) => {
    const { symbol } = readQuery(Query, request.query)
    const known = source()
    if (known === undefined) throw new GatewayError('unavailable', 'the gateway is starting')
    const symbols = symbol === undefined ? known.symbols() : [findStream(symbol, known).instrument.symbol]
    const gaps: ListedGap[] = []
    for (const each of symbols) gaps.push(...(await known.gaps(each)).slice(-MOST_GAPS))
    return reply.headers({ 'cache-control': 'no-store', 'x-cache': 'database', age: '0' }).send({ gaps })
  })
}
