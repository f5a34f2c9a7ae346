// https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
//
// message                      role               what we do
// {stream, data: aggTrade}     tick               normalize
// {result: null, id}           acknowledgement    counted by the socket; no tick
// serverShutdown               end of the socket  the next one is opened, then this one is left
// any other event              not asked for      no tick
//
// Each part has a file. The stream: what a frame means (binance-frame.ts), one socket (binance-socket.ts), how one
// replaces another (binance-connection.ts), all of them together (binance-receive.ts), how many and how much they may
// (binance-connects.ts, binance-outbox.ts). REST: what is asked (binance-symbols.ts, binance-history.ts), when it may
// be (binance-client.ts, binance-weight.ts, binance-refusals.ts, binance-ban.ts) and how (binance-call.ts, binance-api.ts).
import type { Feed } from '../src/feed.ts'
import type { SymbolMapping } from '../src/market/instrument.ts'
import { createBinanceClient } from './binance-client.ts'
import type { ConnectionTimes } from './binance-connection.ts'
import { type ConnectRate, createConnectBudget } from './binance-connects.ts'
import { normalizeFrame } from './binance-frame.ts'
import { createBinanceHistory } from './binance-history.ts'
import { receiveStreams } from './binance-receive.ts'
import type { SocketTimeouts } from './binance-socket.ts'
import { resolveSymbols } from './binance-symbols.ts'

export interface BinanceOptions {
  readonly symbols: readonly SymbolMapping[]
  /** Origin of the market streams: `wss://data-stream.binance.vision`. */
  readonly streamUrl: string
  /** Origin of the REST API: `https://data-api.binance.vision`. */
  readonly restUrl: string
  /** Where it is kept that the exchange has banned us; default: nowhere. */
  readonly dataDir?: string | undefined
  /** Unix ms: stamps what is received, counts the minutes of request weight and the end of a ban. */
  readonly now?: () => number
  readonly timeouts?: Partial<BinanceTimeouts>
  readonly connects?: ConnectRate
}

export interface BinanceTimeouts extends SocketTimeouts, ConnectionTimes {
  /** Longest wait for an answer over REST. */
  readonly requestMs: number
}

const HOUR = 3_600_000

/** A live peer answers two pings within the silence, and a dead one is noticed within a minute. */
const TIMEOUTS: BinanceTimeouts = {
  connectMs: 10_000,
  pingMs: 20_000,
  silenceMs: 55_000,
  rotateMs: 22.5 * HOUR,
  rotateSpreadMs: HOUR,
  overlapMs: 2_000,
  // Binance announces a shutdown minutes before it.
  replace: { firstMs: 1_000, maxMs: 30_000 },
  requestMs: 10_000,
}

/** Aggregate trades of Binance's spot market: live from the combined stream, older ones by id over REST. */
export function createBinanceFeed(options: BinanceOptions): Required<Feed<string>> {
  const { symbols, streamUrl, restUrl, now = Date.now, timeouts } = options
  const times = { ...TIMEOUTS, ...timeouts }
  const client = createBinanceClient({ restUrl, requestMs: times.requestMs, dataDir: options.dataDir, now })
  const connects = createConnectBudget(options.connects)
  // Reversed, so that of two names for one stream the first stays: the second is refused.
  const symbolByVenueSymbol = new Map(symbols.toReversed().map(({ symbol, sourceSymbol }) => [sourceSymbol, symbol]))
  return {
    name: 'binance',
    assetClass: 'crypto',
    ids: 'contiguous',
    symbols,
    heardEveryMs: times.pingMs,
    resolve: (signal) => resolveSymbols(client, symbols, signal),
    receive: (instruments, events, signal) =>
      receiveStreams({ streamUrl, times, connects, now }, instruments, events, signal),
    normalize: (raw, received) => normalizeFrame(raw, received, symbolByVenueSymbol),
    ...createBinanceHistory(client, now),
  }
}
