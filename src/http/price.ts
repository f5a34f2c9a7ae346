import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'
import { GatewayError, isGatewayError } from '../base/errors.ts'
import type { PriceQuote } from '../market/quote.ts'
import { readQuery } from './ticks.ts'

/** A price and where it was found. */
export interface PriceAnswer {
  /** Undefined: there is none yet. */
  readonly value: PriceQuote | undefined
  readonly tier: 'memory' | 'redis' | 'database'
  /** Since it was put there. */
  readonly ageMs: number
}

/** Where prices are read. */
export interface PriceSource {
  /** Every symbol of this gateway. */
  symbols(): readonly string[]
  /** Undefined: nobody knows the symbol. @throws GatewayError tier_unavailable when only the database could tell */
  price(symbol: string): Promise<PriceAnswer | undefined>
}

const ROW = {
  type: 'object',
  required: ['symbol', 'id', 'price', 'time', 'stale'],
  properties: {
    symbol: { type: 'string' },
    id: { type: 'integer' },
    price: { type: ['number', 'null'] },
    time: { type: 'integer' },
    stale: { type: 'boolean' },
    change24h: { type: 'number' },
    high24h: { type: 'number' },
    low24h: { type: 'number' },
    volume24h: { type: 'number' },
    market: { type: 'string' },
    delay: { type: 'number' },
    period: { type: 'string' },
    vintage: { type: 'string' },
  },
} as const
const ROWS = { type: 'object', required: ['prices'], properties: { prices: { type: 'array', items: ROW } } } as const

const MOST_SYMBOLS = 1_000
const Path = z.object({ symbol: z.string() })
const Query = z.strictObject({ symbols: z.string().optional() })

/** `/api/v1/price/:symbol` and `/api/v1/prices`: the newest prices, from memory, else from the cache. */
export function addPrices(app: FastifyInstance, source: () => PriceSource | undefined): void {
  app.get('/api/v1/price/:symbol', { schema: { response: { 200: ROW } } }, async (request, reply) => {
    const { symbol } = readQuery(Path, request.params)
    const answer = await find(symbol.toUpperCase(), running(source))
    if (answer.value === undefined) {
      throw new GatewayError('unavailable', `${answer.symbol} must have had a price, has had none yet`)
    }
    return tell(reply, [answer]).send(answer.value)
  })
  app.get('/api/v1/prices', { schema: { response: { 200: ROWS } } }, async (request, reply) => {
    const prices = running(source)
    const { symbols } = readQuery(Query, request.query)
    const asked = symbols === undefined ? prices.symbols() : listOf(symbols)
    const answers = await findAll(asked, prices)
    return tell(reply, answers).send({ prices: answers.flatMap(({ value }) => value ?? []) })
  })
}

/** @throws GatewayError bad_parameter */
function listOf(text: string): readonly string[] {
  const symbols = [...new Set(text.split(',').map((symbol) => symbol.trim().toUpperCase()))].filter(Boolean)
  if (symbols.length > 0 && symbols.length <= MOST_SYMBOLS) return symbols
  throw new GatewayError('bad_parameter', `symbols must be from 1 to ${MOST_SYMBOLS}, was ${symbols.length}`)
}

function running(source: () => PriceSource | undefined): PriceSource {
  const prices = source()
  if (prices === undefined) throw new GatewayError('unavailable', 'the gateway is starting')
  return prices
}

/** @throws GatewayError unknown_symbol */
async function find(symbol: string, prices: PriceSource): Promise<PriceAnswer & { readonly symbol: string }> {
  const answer = await prices.price(symbol)
  if (answer !== undefined) return { ...answer, symbol }
  throw new GatewayError('unknown_symbol', `the symbol must be one of this gateway's, was ${symbol.slice(0, 64)}`)
}

/** One that only the database could tell keeps none of the others back while that is away. */
async function findAll(symbols: readonly string[], prices: PriceSource): Promise<readonly PriceAnswer[]> {
  let away: unknown
  const answers = await Promise.all(
    symbols.map((symbol) =>
      find(symbol, prices).catch((error: unknown) => {
        if (!isGatewayError(error, 'tier_unavailable')) throw error
        away = error
        return undefined
      }),
    ),
  )
  const found = answers.filter((answer) => answer !== undefined)
  if (found.length === 0 && away !== undefined) throw away
  return found
}

const TIERS = ['memory', 'redis', 'database'] as const

/** Of several answers the slowest tier and the highest age. */
function tell(reply: FastifyReply, answers: readonly PriceAnswer[]): FastifyReply {
  const slowest = Math.max(0, ...answers.map(({ tier }) => TIERS.indexOf(tier)))
  const ageMs = Math.max(0, ...answers.map((answer) => answer.ageMs))
  const age = String(Math.floor(ageMs / 1_000))
  return reply.headers({ 'cache-control': 'no-store', 'x-cache': TIERS[slowest], age })
}
