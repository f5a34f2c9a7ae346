// A made-up venue: GET /prices?symbols=A,B answers [{"symbol":"A","price":1.25,"time":1732250000000}], Unix ms; symbols
// that it does not have are left out.
import { pause } from '../../src/base/backoff.ts'
import { describeError, GatewayError } from '../../src/base/errors.ts'
import type { Feed, FeedDefinition } from '../../src/feed.ts'
import type { SymbolMapping } from '../../src/market/instrument.ts'
import { symbolsIn } from '../../src/market/symbol-list.ts'

/** The row of this feed in `feeds/index.ts`; its variables are `TULIP_SYMBOLS` and `TULIP_URL`. */
export const TULIP: FeedDefinition = {
  name: 'tulip',
  create(_, env) {
    const symbols = symbolsIn('TULIP_SYMBOLS', env)
    if (symbols.length === 0) return { off: 'TULIP_SYMBOLS must name a symbol, is empty' }
    return createTulipFeed({ symbols, url: env.TULIP_URL ?? 'https://prices.tulip.example' })
  },
}

export interface TulipOptions {
  readonly symbols: readonly SymbolMapping[]
  readonly url: string
  /** Time between two questions. Default 1000. */
  readonly pollMs?: number
}

const TIMEOUT_MS = 5_000

export function createTulipFeed({ symbols, url, pollMs = 1_000 }: TulipOptions): Feed<unknown> {
  const bySourceSymbol = new Map(symbols.map((mapping) => [mapping.sourceSymbol, mapping.symbol]))
  /** The time of each price that was told. It outlives `receive`, which ends whenever the source fails. */
  const told = new Map<string, number>()

  const ask = async (signal: AbortSignal): Promise<readonly unknown[]> => {
    const query = encodeURIComponent([...bySourceSymbol.keys()].join(','))
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
      const response = await fetch(`${url}/prices?symbols=${query}`, { signal: limit })
      const rows: unknown = await response.json()
      if (response.ok && Array.isArray(rows)) return rows
      throw new Error(`status ${response.status}`)
    } catch (error) {
      const message = `tulip must answer with a list of prices, was ${describeError(error)}`
      throw new GatewayError('feed_broken', message, { cause: error })
    }
  }

  return {
    name: 'tulip',
    assetClass: 'stock',
    ids: 'rising',
    heardEveryMs: pollMs,
    symbols,

    async resolve(signal) {
      const listed = new Set((await ask(signal)).map((row) => (row as Partial<TulipPrice> | null)?.symbol))
      const places = { assetClass: 'stock', source: 'tulip', priceDigits: 2, sizeDigits: 0 } as const
      const isListed = ({ sourceSymbol }: SymbolMapping) => listed.has(sourceSymbol)
      return {
        instruments: symbols.filter(isListed).map((mapping) => ({ ...mapping, ...places })),
        refused: symbols
          .filter((mapping) => !isListed(mapping))
          .map(({ symbol, sourceSymbol }) => ({ symbol, reason: `tulip must list ${sourceSymbol}, does not` })),
      }
    },

    async *receive(instruments, events, signal) {
      for (const { symbol } of instruments) {
        const newest = events.past?.newest(symbol)
        if (newest) told.set(symbol, Math.max(newest.time, told.get(symbol) ?? 0))
      }
      for (let polls = 0; !signal.aborted; polls += 1) {
        const rows = await ask(signal).catch((error: unknown) => {
          if (signal.aborted) return []
          throw error
        })
        if (signal.aborted) return
        const news = rows.filter((row) => {
          const { symbol = '', time = Number.NaN } = (row ?? {}) as Partial<TulipPrice>
          return !(time <= (told.get(bySourceSymbol.get(symbol) ?? '') ?? 0))
        })
        if (news.length > 0) yield news.map((raw) => ({ raw, received: Date.now() }))
        for (const row of news) {
          const { symbol = '', time } = (row ?? {}) as Partial<TulipPrice>
          if (typeof time === 'number') told.set(bySourceSymbol.get(symbol) ?? '', time)
        }
        if (polls === 0) events.connected()
        events.heard?.()
        await pause(pollMs, signal)
      }
    },

    normalize(raw, received) {
      const { symbol: sourceSymbol, price, time } = (raw ?? {}) as Partial<TulipPrice>
      const symbol = bySourceSymbol.get(sourceSymbol ?? '')
      const isSound = typeof price === 'number' && price > 0 && Number.isFinite(price)
      if (symbol === undefined || !isSound || typeof time !== 'number' || !isTime(time)) {
        const found = JSON.stringify(raw)?.slice(0, 120)
        throw new GatewayError('feed_payload', `price of tulip must have symbol, price and time, was ${found}`)
      }
      const none = { size: undefined, side: undefined }
      return [{ symbol, id: time * 1_000, price, ...none, trades: 1, time, received }]
    },
  }
}

/** Whole ms above zero, of which a thousandfold is still an exact number. */
function isTime(time: number): boolean {
  return Number.isInteger(time) && time > 0 && Number.isSafeInteger(time * 1_000)
}

// --- the part of a price that we use ---

interface TulipPrice {
  readonly symbol: string
  readonly price: number
  readonly time: number
}
