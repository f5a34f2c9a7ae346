import type { FastifyInstance } from 'fastify'
import type { Instrument } from '../market/instrument.ts'
import type { Cursor } from '../market/tick.ts'

/** One instrument as it is listed to users. */
export interface ListedInstrument extends Pick<Instrument, 'symbol' | 'assetClass' | 'source' | 'sourceSymbol'> {
  /** Name of its stream: `binance:BTCUSDT`. */
  readonly stream: string
  /** The id that the rest is as of; null before the first tick. */
  readonly cursor: Cursor | null
  /** The latest price and when it was made, Unix ms; absent before the first tick. */
  readonly price?: number | undefined
  readonly time?: number | undefined
}

const RESPONSE = {
  type: 'object',
  required: ['instruments'],
  properties: {
    instruments: {
      type: 'array',
      items: {
        type: 'object',
        required: ['symbol', 'assetClass', 'source', 'sourceSymbol', 'stream', 'cursor'],
        properties: {
          symbol: { type: 'string' },
          assetClass: { type: 'string' },
          source: { type: 'string' },
          sourceSymbol: { type: 'string' },
          stream: { type: 'string' },
          cursor: { type: ['integer', 'null'] },
          price: { type: 'number' },
          time: { type: 'integer' },
        },
      },
    },
  },
} as const

/** `/api/v1/instruments`: everything this gateway serves, with its stream and where the stream is. */
export function addInstruments(app: FastifyInstance, instruments: () => readonly ListedInstrument[]): void {
  app.get('/api/v1/instruments', { schema: { response: { 200: RESPONSE } } }, (_request, reply) =>
    reply.header('cache-control', 'no-store').send({ instruments: instruments() }),
  )
}
