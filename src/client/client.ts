import type { BackoffBounds } from '../base/backoff.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { type CandleEvent, type CandleOptions, createCandleFollower } from './candles.ts'
import { ChartBars, type ChartLoop } from './chart.ts'
import { socketUrl } from './endpoint.ts'
import { follow } from './follow.ts'
import type { PriceMessage, StatusMessage } from './messages.ts'
import { type Notice, warnOfLosses } from './notices.ts'
import { type OlderCandles, type OlderOptions, readOlderCandles } from './older-candles.ts'
import { createPriceFollower, type PriceOptions } from './prices.ts'
import { createReplay, type Replay, type ReplayOptions } from './replay.ts'
import type { OpenSocket } from './socket.ts'
import { createStatusFollower } from './statuses.ts'
import { type ClientTick, createTickFollower, type TickOptions } from './ticks.ts'

export interface ConnectOptions {
  readonly token?: string
  /** Bounds of the wait before reconnecting; 250 ms to 10 s unless told. */
  readonly backoff?: BackoffBounds
  /** Frames, and rows of a history, that may wait for a slow consumer; 100,000 unless told. Past it the connection is dropped and resumed. */
  readonly bufferedFrames?: number
  /** Hears of connections, resumes, holes and refusals, in stream order. Without it, losses go to `console.warn`. */
  readonly onNotice?: (notice: Notice) => void
  /** Aborting ends every loop. */
  readonly signal?: AbortSignal
}

/**
 * A gateway's streams. Each loop has a connection of its own, opened when the loop begins, kept open across cuts, and
 * closed when the loop is left, `signal` aborts or the gateway is closed; none of these throws.
 *
 * @throws GatewayError from any loop: the gateway refuses the connection, the request, or every symbol of it.
 */
export interface Gateway {
  /** Every tick once and in id order, whatever happens to the connection. `prev` differs from the last `id` only where a notice said so. */
  ticks(symbols: readonly string[], options?: TickOptions, signal?: AbortSignal): AsyncIterable<ClientTick>
  /** Ticks from a moment on, at their pace, then live: as `ticks` with `from`, and can be steered while it runs. */
  replay(symbols: readonly string[], options: ReplayOptions, signal?: AbortSignal): Replay
  /** A snapshot per symbol, then each change of a candle. */
  candles(symbols: readonly string[], options?: CandleOptions, signal?: AbortSignal): AsyncIterable<CandleEvent>
  /** One symbol's candles, ready for lightweight-charts: live, and older ones when the chart is scrolled back. */
  chart(symbol: string, options?: CandleOptions, signal?: AbortSignal): ChartLoop
  /**
   * A page of candles over HTTP, as far back as the source has them; no connection is kept.
   * @throws GatewayError what the gateway says; `unavailable` when it does not answer
   */
  olderCandles(symbol: string, options?: OlderOptions, signal?: AbortSignal): Promise<OlderCandles>
  /** The latest price per symbol, `*` for all. */
  prices(symbols: readonly string[], options?: PriceOptions, signal?: AbortSignal): AsyncIterable<PriceMessage>
  /** How each feed and tier of the gateway is, at once and after each change. */
  statuses(signal?: AbortSignal): AsyncIterable<StatusMessage>
  /** Ends every loop; safe to call twice. */
  close(): void
}

/** The gateway at `address`, over the platform's own sockets and clock. */
export function createGateway(
  address: string | URL,
  {
    token,
    backoff = { firstMs: 250, maxMs: 10_000 },
    bufferedFrames = 100_000,
    onNotice = warnOfLosses,
    signal,
  }: ConnectOptions,
  open: OpenSocket,
  clock: Clock = systemClock,
): Gateway {
  const redialing = { url: socketUrl(address), token, open, clock, bufferedFrames, backoff, onNotice }
  const closing = new AbortController()

  const until = (loop?: AbortSignal) => {
    const signals = [closing.signal, signal, loop].filter((other) => other !== undefined)
    return AbortSignal.any(signals)
  }
  const candles: Gateway['candles'] = (symbols, options = {}, loop) =>
    follow(createCandleFollower(symbols, options), redialing, until(loop))
  const olderCandles: Gateway['olderCandles'] = (symbol, options = {}, loop) =>
    readOlderCandles(address, token, symbol, options, until(loop))

  return {
    ticks: (symbols, options = {}, loop) =>
      follow(createTickFollower(symbols, options, onNotice), redialing, until(loop)),
    replay(symbols, options, loop) {
      const follower = createTickFollower(symbols, options, onNotice)
      return createReplay(follow(follower, redialing, until(loop)), follower)
    },
    candles,
    chart(symbol, options = {}, loop) {
      const { timeframe } = options
      const older = (before: number) =>
        olderCandles(symbol, { ...(timeframe && { timeframe }), before, limit: 1_000 }, loop)
      return new ChartBars(candles([symbol], options, loop), older)
    },
    olderCandles,
    prices: (symbols, options = {}, loop) => follow(createPriceFollower(symbols, options), redialing, until(loop)),
    statuses: (loop) => follow(createStatusFollower(), redialing, until(loop)),
    close: () => closing.abort(),
  }
}
