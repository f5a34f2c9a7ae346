import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import type { InstrumentAbout } from '../market/instrument.ts'
import type { Observation } from '../market/observation.ts'
import type { TickSource } from './read-ticks.ts'
import { findStream, readQuery } from './ticks.ts'

/** Where the values of series are read. */
export interface ObservationSource extends Pick<TickSource, 'stream' | 'awaited'> {
  /** Of each period the newest value that was known on the day `asOf`, by period. @throws GatewayError tier_unavailable */
  observations(symbol: string, asOf: string): Promise<readonly Observation[]>
}

/** One answer: what was known of a series on a day. */
export interface ListedObservations extends InstrumentAbout {
  readonly symbol: string
  /** Null: everything that is known by now. */
  readonly asOf: string | null
  /** By period. A value of null: the source says that it has none. */
  readonly observations: readonly {
    readonly period: string
    readonly vintage: string
    readonly value: number | null
  }[]
}

const TEXT = { type: 'string' } as const
const OBSERVATION = {
  type: 'object',
  required: ['period', 'vintage', 'value'],
  properties: { period: TEXT, vintage: TEXT, value: { type: ['number', 'null'] } },
} as const
const RESPONSE = {
  type: 'object',
  required: ['symbol', 'asOf', 'observations'],
  properties: {
    symbol: TEXT,
    title: TEXT,
    frequency: TEXT,
    units: TEXT,
    seasonalAdjustment: TEXT,
    asOf: { type: ['string', 'null'] },
    observations: { type: 'array', items: OBSERVATION },
  },
} as const

const Path = z.object({ series: z.string() })
/** Databases count years from one. */
const Day = z.iso.date('must be a day (YYYY-MM-DD)').refine((day) => day >= '0001', 'must be a day since 0001-01-01')
const Query = z.strictObject({ as_of: Day.optional() })
/** No vintage is later. */
const ALL = '9999-12-31'

/** `/api/v1/observations/:series`: a series as it was known on a day. */
export function addObservations(app: FastifyInstance, source: () => ObservationSource | undefined): void {
  app.get('/api/v1/observations/:series', { schema: { response: { 200: RESPONSE } } }, async (request, reply) => {
    const { series } = readQuery(Path, request.params)
    const { as_of: asOf } = readQuery(Query, request.query)
    const known = source()
    if (known === undefined) throw new GatewayError('unavailable', 'the gateway is starting')
    const { instrument } = findStream(series.toUpperCase(), known)
    if (instrument.assetClass !== 'macro') {
      throw new GatewayError('bad_parameter', `the series must be of the class macro, was ${instrument.assetClass}`)
    }
    const observations = await known.observations(instrument.symbol, asOf ?? ALL)
    const answer: ListedObservations = {
      symbol: instrument.symbol,
      ...instrument.about,
      asOf: asOf ?? null,
      observations: observations.map(({ period, vintage, value }) => ({ period, vintage, value: value ?? null })),
    }
    return reply.headers({ 'cache-control': 'no-store', 'x-cache': 'database', age: '0' }).send(answer)
  })
}
