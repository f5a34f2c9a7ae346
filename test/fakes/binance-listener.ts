import { type BinanceOptions, createBinanceFeed } from '../../feeds/binance.ts'
import type { Feed, Received } from '../../src/feed.ts'
import type { Instrument } from '../../src/market/instrument.ts'

/** What a feed that listens has been told so far. */
export interface Listening {
  readonly heard: readonly Received<string>[]
  /** The first time. */
  readonly connected: Promise<void>
  readonly connects: () => number
  /** What was told of overlaps, in order. */
  readonly overlaps: readonly boolean[]
  /** How often it was told that the source is there without news. */
  readonly pongs: () => number
  /** How often it was told that trades are being missed. */
  readonly misses: () => number
  /** Rejects with what broke the feed. */
  readonly ended: Promise<void>
}

export function binanceFeed(streamUrl: string, options: Partial<BinanceOptions> = {}): Feed<string> {
  const symbols = [{ symbol: 'BTC', sourceSymbol: 'BTCUSDT' }]
  return createBinanceFeed({ symbols, restUrl: 'http://127.0.0.1:1', streamUrl, ...options })
}

export function binanceInstruments(...venueSymbols: readonly string[]): readonly Instrument[] {
  return venueSymbols.map((sourceSymbol) => ({
    symbol: sourceSymbol,
    sourceSymbol,
    assetClass: 'crypto',
    source: 'binance',
    priceDigits: 2,
    sizeDigits: 5,
  }))
}

/** Names of `count` symbols that nobody trades. */
export function madeUp(count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => `S${n}USDT`)
}

export function listen(feed: Feed<string>, asked: readonly Instrument[], signal: AbortSignal): Listening {
  const heard: Received<string>[] = []
  const overlaps: boolean[] = []
  let connects = 0
  let misses = 0
  let pongs = 0
  let ended: Promise<void> = Promise.resolve()
  const connected = new Promise<void>((resolve) => {
    const events = {
      connected() {
        connects++
        resolve()
      },
      overlapping: (isOverlapping: boolean) => void overlaps.push(isOverlapping),
      heard: () => void pongs++,
      missing: () => void misses++,
    }
    ended = drain(feed.receive(asked, events, signal), heard)
  })
  // Tests of another thing than the end do not wait for it.
  ended.catch(() => {})
  return { heard, connected, connects: () => connects, overlaps, pongs: () => pongs, misses: () => misses, ended }
}

export async function drain(iterable: AsyncIterable<readonly Received<string>[]>, heard: Received<string>[] = []) {
  for await (const batch of iterable) heard.push(...batch)
}
