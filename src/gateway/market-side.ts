import { isGatewayError } from '../base/errors.ts'
import type { Feed } from '../feed.ts'
import type { MarketAnswer, MarketScope, MarketSource } from '../http/market.ts'
import type { PriceSource } from '../http/price.ts'
import type { AssetClass } from '../market/instrument.ts'
import { type MarketRow, marketRowOf } from '../market/market-row.ts'
import { quoteOf } from '../market/quote.ts'
import type { Cached } from '../tiers/cache/cached.ts'
import type { MarketValue } from '../tiers/cache/values.ts'
import type { MemoryTier } from '../tiers/memory/memory.ts'
import type { CacheSide } from './cache-side.ts'

export interface MarketSideParts {
  readonly memory: MemoryTier
  readonly feeds: readonly Pick<Feed, 'symbols' | 'assetClass'>[]
  readonly prices: Pick<PriceSource, 'price'>
  readonly cacheSide: Pick<CacheSide, 'cache' | 'keys' | 'clock'>
}

/** How often what memory answers is written to the cache for others, at most. */
const WRITE_EVERY_MS = 5_000

/**
 * The summary of a market. What has a stream here is read from memory at each request, so it is never behind what is
 * streamed; what has no price here yet, because its source has not answered, comes from the cache, then from the
 * database.
 */
export function createMarketSide({ memory, feeds, prices, cacheSide }: MarketSideParts): MarketSource {
  const { cache, keys, clock } = cacheSide
  const configured = new Map(
    feeds.flatMap(({ symbols, assetClass }) => symbols.map(({ symbol }) => [symbol, assetClass] as const)),
  )
  const writtenAt = new Map<MarketScope, number>()

  /** By symbol. */
  function held(scope: MarketScope): Map<string, MarketRow> {
    const rows = new Map<string, MarketRow>()
    for (const stream of memory.streams()) {
      const { assetClass, symbol } = stream.instrument
      const quote = isIn(scope, assetClass) ? quoteOf(stream, clock.now()) : undefined
      if (quote !== undefined) rows.set(symbol, marketRowOf(assetClass, quote))
    }
    return rows
  }

  /** Those whose source has not answered, and those that began without what is stored and have had no tick since. */
  function priceless(scope: MarketScope): readonly string[] {
    const begun = memory.symbols().filter((symbol) => memory.stream(symbol)?.latest === undefined)
    return [...memory.awaited(), ...begun].filter((symbol) => {
      const assetClass = configured.get(symbol)
      return assetClass !== undefined && isIn(scope, assetClass)
    })
  }

  async function find(symbol: string): Promise<MarketRow | undefined> {
    const value = (await prices.price(symbol))?.value
    return value && marketRowOf(configured.get(symbol)!, value)
  }

  async function load(scope: MarketScope): Promise<MarketValue> {
    const others = await Promise.all(priceless(scope).map(find))
    return { rows: inOrder([...held(scope).values(), ...others.filter((row) => row !== undefined)]) }
  }

  /** In the order of the configuration, those that are not configured any more behind. */
  function inOrder(rows: readonly MarketRow[]): readonly MarketRow[] {
    const places = new Map([...configured.keys()].map((symbol, place) => [symbol, place]))
    const placeOf = ({ symbol }: MarketRow) => places.get(symbol) ?? places.size
    return rows.toSorted((a, b) => placeOf(a) - placeOf(b))
  }

  function answerOf(scope: MarketScope, cached: Cached<MarketValue> | undefined): MarketAnswer {
    const now = held(scope)
    const missing = new Set(priceless(scope))
    const others = (cached?.value.rows ?? []).filter(({ symbol }) => missing.has(symbol))
    // Nobody has confirmed them to this gateway.
    const rows = inOrder([...now.values(), ...others.map((row) => ({ ...row, stale: true }))])
    const { tier, ageMs } = others.length > 0 && cached !== undefined ? cached : HERE
    return { rows, tier, ageMs }
  }

  /** For others to read. */
  function keep(scope: MarketScope, rows: readonly MarketRow[]): void {
    if (clock.now() - (writtenAt.get(scope) ?? Number.NEGATIVE_INFINITY) < WRITE_EVERY_MS) return
    writtenAt.set(scope, clock.now())
    cache.set(keys.market(scope), { rows })
  }

  return {
    async market(scope) {
      if (priceless(scope).length === 0) {
        const answer = answerOf(scope, undefined)
        keep(scope, answer.rows)
        return answer
      }
      try {
        return answerOf(scope, await cache.getOrLoad(keys.market(scope), () => load(scope)))
      } catch (error) {
        const answer = answerOf(scope, undefined)
        if (isGatewayError(error, 'tier_unavailable') && answer.rows.length > 0) return answer
        throw error
      }
    },
  }
}

const HERE = { tier: 'memory', ageMs: 0 } as const

function isIn(scope: MarketScope, assetClass: AssetClass): boolean {
  return scope === 'all' || scope === assetClass
}
