import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import { type KeptValue, type KeyList, MOST_KEYS } from '../wire/cache.ts'
import { CACHE_STATE_SCHEMA, type CacheState } from './cache-state.ts'
import { onlyFromHere } from './only-here.ts'
import { createProblem, sendProblem } from './problems.ts'
import { readQuery } from './ticks.ts'

/** What is told of the cache. Nothing here counts as a use of it. */
export interface CacheView {
  state(): CacheState
  /** Memory's keys that match a glob pattern. */
  keys(pattern: string, limit: number): KeyList
  /** What memory has under a key. */
  value(key: string): KeptValue | undefined
}

const KEY = { key: { type: 'string' }, ttl: { type: 'number' } } as const
const LIST_SCHEMA = {
  type: 'object',
  required: ['keys', 'more'],
  properties: {
    keys: { type: 'array', items: { type: 'object', required: ['key', 'ttl'], properties: KEY } },
    more: { type: 'boolean' },
  },
} as const
/** The value is whatever its kind has. */
const VALUE_SCHEMA = { type: 'object', required: ['key', 'ttl', 'value'], properties: { ...KEY, value: {} } } as const

const LONGEST_PATTERN = 256
const Path = z.object({ key: z.string() })
const Query = z.strictObject({
  pattern: z.string().max(LONGEST_PATTERN, `must have at most ${LONGEST_PATTERN} characters`).optional(),
  limit: z
    .string()
    .regex(/^\d{1,5}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= 1 && value <= MOST_KEYS, `must be from 1 to ${MOST_KEYS}`)
    .optional(),
})

/**
 * `/api/v1/cache`: how each tier is. `/api/v1/cache/keys` and `/api/v1/cache/keys/:key`, for the command `cache`: what
 * memory holds. A list costs in proportion to the cache, so it is for programs of this machine, as the tasks are.
 */
export function addCache(app: FastifyInstance, cache: () => CacheView | undefined): void {
  const view = () => {
    const there = cache()
    if (there !== undefined) return there
    throw new GatewayError('unavailable', 'the gateway is starting')
  }
  app.get('/api/v1/cache', { schema: { response: { 200: CACHE_STATE_SCHEMA } } }, (_request, reply) =>
    reply.header('cache-control', 'no-store').send(view().state()),
  )
  const here = (schema: object) => ({ onRequest: onlyFromHere, schema: { response: { 200: schema } } })
  app.get('/api/v1/cache/keys', here(LIST_SCHEMA), (request, reply) => {
    const { pattern = '*', limit = MOST_KEYS } = readQuery(Query, request.query)
    return reply.header('cache-control', 'no-store').send(view().keys(pattern, limit))
  })
  app.get('/api/v1/cache/keys/:key', here(VALUE_SCHEMA), (request, reply) => {
    const { key } = Path.parse(request.params)
    const kept = view().value(key)
    if (kept === undefined)
      return sendProblem(reply, createProblem(404, `memory has nothing under ${key.slice(0, 256)}`))
    return reply.header('cache-control', 'no-store').send(kept)
  })
}
