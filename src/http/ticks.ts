import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import { streamName } from '../market/instrument.ts'
import { encodeTickRow } from '../wire/encode.ts'
import { readTicks, type TickSource } from './read-ticks.ts'

const STANDARD_ROWS = 500
const MOST_ROWS = 10_000

const number = z
  .string()
  .regex(/^\d{1,16}$/, 'must be a whole number')
  .transform(Number)
  .refine((value) => value <= Number.MAX_SAFE_INTEGER, 'must be below 2^53')
const rows = number.refine((value) => value >= 1 && value <= MOST_ROWS, `must be from 1 to ${MOST_ROWS}`)
const Path = z.object({ symbol: z.string() })
const Query = z
  .strictObject({
    after: number.optional(),
    from: number.optional(),
    to: number.optional(),
    limit: rows.optional(),
  })
  .refine(({ after, from }) => after === undefined || from === undefined, 'after and from must not be given both')

/**
 * `/api/v1/ticks/:symbol`: the newest ticks, or those after an id or from a moment on, as rows of `ws_history`. `more`:
 * ask again with `after` = `cursor`, the last row's id.
 */
export function addTicks(app: FastifyInstance, source: () => TickSource | undefined): void {
  app.get('/api/v1/ticks/:symbol', async (request, reply) => {
    const { limit = STANDARD_ROWS, ...range } = readQuery(Query, request.query)
    const ticks = source()
    if (ticks === undefined) throw new GatewayError('unavailable', 'the gateway is starting')
    const view = findStream(readQuery(Path, request.params).symbol, ticks)
    const page = await readTicks(view, { ...range, limit }, ticks)
    const { symbol } = view.instrument
    const cursor = page.ticks.at(-1)?.id ?? null
    const head = `"symbol":${JSON.stringify(symbol)},"stream":${JSON.stringify(streamName(view.instrument))}`
    const list = page.ticks.map(encodeTickRow).join(',')
    return reply
      .type('application/json; charset=utf-8')
      .headers({ 'cache-control': 'no-store', 'x-cache': page.tier, age: '0' })
      .send(`{${head},"cursor":${cursor},"more":${page.more},"ticks":[${list}]}`)
  })
}

/** @throws GatewayError unknown_symbol, unavailable (its source has not answered yet) */
export function findStream<View>(
  name: string,
  source: Pick<TickSource, 'awaited'> & { stream(symbol: string): View | undefined },
): View {
  const symbol = name.toUpperCase()
  const view = source.stream(symbol)
  if (view !== undefined) return view
  if (source.awaited().includes(symbol)) {
    throw new GatewayError('unavailable', `the source of ${symbol} must have answered, has not yet`)
  }
  throw new GatewayError('unknown_symbol', `the symbol must be one of this gateway's, was ${symbol.slice(0, 64)}`)
}

/** @throws GatewayError bad_parameter */
export function readQuery<T>(schema: z.ZodType<T>, query: unknown): T {
  const result = schema.safeParse(query)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new GatewayError('bad_parameter', [issue?.path.join('.'), issue?.message].filter(Boolean).join(' '))
}
