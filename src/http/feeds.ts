import type { FastifyInstance } from 'fastify'
import { GatewayError } from '../base/errors.ts'
import { SERVICE_STATES } from '../base/service-state.ts'
import type { FeedsAnswer } from '../wire/feeds.ts'

const TEXT = { type: 'string' } as const
const COUNT = { type: 'integer' } as const
const STATUS = { state: { type: 'string', enum: [...SERVICE_STATES] }, since: COUNT, reason: TEXT } as const

const LAST_TICK = {
  type: 'object',
  required: ['symbol', 'id', 'time', 'received'],
  properties: { symbol: TEXT, id: COUNT, time: COUNT, received: COUNT },
} as const
const FEED = {
  type: 'object',
  required: [
    ...['feed', 'state', 'since', 'symbols', 'ticksPerSecond'],
    ...['restarts', 'ticks', 'gaps', 'skipped', 'doubles'],
  ],
  properties: {
    ...{ feed: TEXT, ...STATUS, symbols: { type: 'array', items: TEXT }, lastTick: LAST_TICK },
    ...{ ticksPerSecond: { type: 'number' }, lag: { type: 'number' } },
    ...{ restarts: COUNT, ticks: COUNT, gaps: COUNT, skipped: COUNT, doubles: COUNT },
  },
} as const
const TIER = { type: 'object', required: ['tier', 'state', 'since'], properties: { tier: TEXT, ...STATUS } } as const
const RESPONSE = {
  type: 'object',
  required: ['feeds', 'tiers'],
  properties: { feeds: { type: 'array', items: FEED }, tiers: { type: 'array', items: TIER } },
} as const

/** `/api/v1/feeds`: how each feed and each tier is, and what the feeds have brought. */
export function addFeeds(app: FastifyInstance, feeds: () => FeedsAnswer | undefined): void {
  app.get('/api/v1/feeds', { schema: { response: { 200: RESPONSE } } }, (_request, reply) => {
    const answer = feeds()
    if (answer === undefined) throw new GatewayError('unavailable', 'the gateway is starting')
    return reply.header('cache-control', 'no-store').send(answer)
  })
}
