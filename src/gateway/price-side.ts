import type { Feed } from '../feed.ts'
import type { PriceAnswer, PriceSource } from '../http/price.ts'
import type { Instrument } from '../market/instrument.ts'
import { updateOf } from '../market/observation.ts'
import { priceRowOf, quoteOf } from '../market/quote.ts'
import type { Update } from '../market/tick.ts'
import type { PriceValue } from '../tiers/cache/values.ts'
import type { Database } from '../tiers/database/database.ts'
import type { MemoryStream, MemoryTier } from '../tiers/memory/memory.ts'
import { HistoryPublisher, type WatchedCandles } from '../tiers/publish/history-publisher.ts'
import { PricePublisher } from '../tiers/publish/price-publisher.ts'
import type { CacheSide } from './cache-side.ts'

export interface PriceSideParts {
  readonly memory: MemoryTier
  readonly database: Pick<Database, 'instruments' | 'register' | 'ticksBefore' | 'observations'>
  readonly feeds: readonly Feed[]
  readonly cacheSide: Pick<CacheSide, 'cache' | 'keys' | 'redis' | 'clock'>
  /** What clients are subscribed to now. */
  readonly watched: () => Iterable<WatchedCandles>
  /** The price of a symbol is stale, or no more. */
  readonly onStale: (symbol: string) => void
}

/** The newest prices: what clients are answered, and what the cache is told. */
export interface PriceSide extends PriceSource {
  /** A stream has a new tick. */
  touch(stream: MemoryStream): void
  close(): void
}

/** Whoever asks for symbols that are nowhere costs the database no more than that. */
const LIST_EVERY_MS = 5_000

/**
 * A price comes from memory; where no stream of the instrument is there (its source has not answered, or it is known but
 * not configured any more) from Redis, then from the database. Memory's is never older than theirs.
 */
export function createPriceSide({ memory, database, feeds, cacheSide, watched, onStale }: PriceSideParts): PriceSide {
  const { cache, keys, redis, clock } = cacheSide
  const publisher = new PricePublisher({ memory, cache, keys, onStale, clock })
  // Memory has them: they are for others.
  const histories =
    redis.status.state === 'off' ? undefined : new HistoryPublisher({ memory, cache, keys, watched, clock })

  const inMemory = (symbol: string): PriceAnswer | undefined => {
    const stream = memory.stream(symbol)
    const value = stream && quoteOf(stream, clock.now())
    return value && { value, tier: 'memory', ageMs: 0 }
  }
  /** One that its source may still bring: not one that it has refused. */
  const awaited = (symbol: string): Pick<Instrument, 'symbol' | 'assetClass'> | undefined => {
    if (!memory.awaited().includes(symbol)) return undefined
    const feed = feeds.find(({ symbols }) => symbols.some((each) => each.symbol === symbol))
    return feed && { symbol, assetClass: feed.assetClass }
  }
  let listed: { readonly at: number; readonly instruments: Promise<readonly Instrument[]> } | undefined
  const stored = async (symbol: string): Promise<Instrument | undefined> => {
    const now = clock.now()
    if (listed === undefined || now - listed.at >= LIST_EVERY_MS) {
      listed = { at: now, instruments: database.instruments() }
      listed.instruments.catch(() => {
        // Told to whoever waits for it; the next who asks tries again.
        listed = undefined
      })
    }
    return (await listed.instruments).findLast((each) => each.symbol === symbol)
  }

  async function load(symbol: string): Promise<PriceValue | undefined> {
    const instrument = memory.stream(symbol)?.instrument ?? (await stored(symbol))
    if (instrument === undefined) return undefined
    await database.register([instrument])
    const newest = await newestStored(instrument, database)
    if (newest === undefined) return undefined
    // Nobody has confirmed it since it was stored.
    return priceRowOf({ instrument, latest: newest, stale: true })
  }

  async function price(symbol: string): Promise<PriceAnswer | undefined> {
    const held = inMemory(symbol)
    if (held !== undefined) return held
    const known = memory.stream(symbol)?.instrument ?? awaited(symbol) ?? (await stored(symbol))
    if (known === undefined) return undefined
    const cached = await cache.getOrLoad(keys.price(known), () => load(symbol))
    // The stream may have begun meanwhile.
    const now = inMemory(symbol)
    if (now !== undefined || cached === undefined) return now ?? NO_PRICE
    const { value, tier, ageMs, stale } = cached
    return { value: { ...value, stale: value.stale || stale }, tier, ageMs }
  }

  return {
    price,
    symbols: () => [...new Set([...memory.symbols(), ...memory.awaited()])],
    touch: (stream) => publisher.touch(stream),
    close() {
      publisher.close()
      histories?.close()
    },
  }
}

/** Of a series that of the newest period, which is not the newest tick when an older one was revised. */
async function newestStored(
  instrument: Instrument,
  database: Pick<Database, 'ticksBefore' | 'observations'>,
): Promise<Update | undefined> {
  if (instrument.assetClass !== 'macro') return (await database.ticksBefore(instrument, undefined, 1))[0]
  const newest = (await database.observations(instrument, LAST_DAY)).at(-1)
  return newest && updateOf(instrument.symbol, newest)
}

/** As of it everything is known that is stored, of each period the newest vintage. */
const LAST_DAY = '9999-12-31'

/** The instrument is known, and has not had a tick yet. */
const NO_PRICE: PriceAnswer = { value: undefined, tier: 'memory', ageMs: 0 }
