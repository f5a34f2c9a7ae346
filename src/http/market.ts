import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import { ASSET_CLASSES } from '../market/instrument.ts'
import type { MarketRow } from '../market/market-row.ts'
import { readQuery } from './ticks.ts'

export const MARKET_SCOPES = ['all', ...ASSET_CLASSES] as const
export type MarketScope = (typeof MARKET_SCOPES)[number]

/** Rows in the order of the configuration, and where the oldest of them were found. */
export interface MarketAnswer {
  readonly rows: readonly MarketRow[]
  readonly tier: 'memory' | 'redis' | 'database'
  /** Since they were put there. */
  readonly ageMs: number
}

export interface MarketSource {
  /** @throws GatewayError tier_unavailable when only the database could tell anything */
  market(scope: MarketScope): Promise<MarketAnswer>
}

const NUMBER = { type: 'number' } as const
const TEXT = { type: 'string' } as const
const ROW = {
  type: 'object',
  required: ['symbol', 'assetClass', 'price', 'time', 'stale'],
  properties: {
    ...{ symbol: TEXT, assetClass: TEXT, price: { type: ['number', 'null'] }, change: NUMBER, changePercent: NUMBER },
    ...{ high24h: NUMBER, low24h: NUMBER, volume24h: NUMBER, time: { type: 'integer' }, stale: { type: 'boolean' } },
    ...{ market: TEXT, delay: NUMBER, period: TEXT, vintage: TEXT },
  },
} as const
const RESPONSE = { type: 'object', required: ['rows'], properties: { rows: { type: 'array', items: ROW } } } as const

const Query = z.strictObject({
  class: z
    .enum(MARKET_SCOPES, { error: ({ input }) => `must be one of ${MARKET_SCOPES.join(', ')}, was ${shorten(input)}` })
    .optional(),
})

/** `/api/v1/market`: a row for each instrument that has a price, of one asset class or of all. */
export function addMarket(app: FastifyInstance, source: () => MarketSource | undefined): void {
  app.get('/api/v1/market', { schema: { response: { 200: RESPONSE } } }, async (request, reply) => {
    const { class: scope = 'all' } = readQuery(Query, request.query)
    const there = source()
    if (there === undefined) throw new GatewayError('unavailable', 'the gateway is starting')
    const { rows, tier, ageMs } = await there.market(scope)
    const age = String(Math.floor(ageMs / 1_000))
    return reply.headers({ 'cache-control': 'no-store', 'x-cache': tier, age }).send({ rows })
  })
}

function shorten(input: unknown): string {
  return String(input).slice(0, 40)
}
