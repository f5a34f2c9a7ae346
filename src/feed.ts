import type { Candle } from './market/candle.ts'
import type { AssetClass, Instrument, SymbolMapping } from './market/instrument.ts'
import type { MarketState } from './market/market-state.ts'
import type { Observation } from './market/observation.ts'
import type { Cursor, Tick } from './market/tick.ts'
import type { Timeframe } from './market/timeframe.ts'

/** A source's message with the moment at which this process got it (Unix ms). */
export interface Received<Raw> {
  readonly raw: Raw
  readonly received: number
}

/** What a source said of the configured symbols. */
export interface Resolved {
  readonly instruments: readonly Instrument[]
  /** Symbols it does not have or does not trade, each with the reason; the others are not affected. */
  readonly refused: readonly { readonly symbol: string; readonly reason: string }[]
}

/** Signals from inside a connection that are not messages. */
export interface FeedEvents {
  /** The source's socket is open and subscribed; from here on every trade is received. */
  connected(): void
  /**
   * Two connections bring the same trades, or do so no more: a jump in the ids may be closed by the other one within
   * moments, before the source is asked.
   */
  overlapping?(isOverlapping: boolean): void
  /**
   * The source is there, though it may have nothing to say: it answered a probe, or a question without news. `time`: no
   * tick that follows will have happened before it (Unix ms), where the source can tell, as while its market is closed.
   */
  heard?(time?: number): void
  /** Trades are being missed, although the connection has not ended: until `connected` is told again. */
  missing?(): void
  /** What the source says of an instrument beside its ticks, with each poll. It makes no tick. */
  state?(symbol: string, state: MarketState): void
  /** What the gateway has of this source already; unset: nothing. */
  readonly past?: FeedPast
}

/** What is stored of a polled source, so that nothing is news twice, over a restart too. */
export interface FeedPast {
  /** The newest tick on the stream; undefined before the first. */
  newest(symbol: string): Tick | undefined
  /** Every observation of a series that is stored, by period, then vintage. @throws GatewayError tier_unavailable */
  observations(symbol: string): Promise<readonly Observation[]>
}

/**
 * What the ids of a source's ticks are, and with that how the feed is run.
 *
 * `contiguous`: they rise by exactly one, so that a jump is a hole and `trades` can fill it; published at once.
 * `rising`: a tick's id is the least it may have, from its event time; in its place it is above the one before. The
 * source is polled and cannot be asked for missed ticks: they are stored before they are published.
 * `given`: as `rising`, but an id never changes; a tick whose id is not above the last is stored and not streamed.
 */
export type IdKind = 'contiguous' | 'rising' | 'given'

/** How much of the source's budget a question may use: `polite` ones leave the larger part to those that hold a stream up. */
export type Pace = 'urgent' | 'polite'

/**
 * How to receive a source's messages, and what they mean. A feed does not restart itself, sequence, cache or log: the
 * supervisor and ingest do. Every wait takes an AbortSignal; aborting ends an iterable without an error.
 */
export interface Feed<Raw = unknown> {
  readonly name: string
  readonly assetClass: AssetClass
  readonly ids: IdKind
  /** What the configuration asks for. */
  readonly symbols: readonly SymbolMapping[]
  /**
   * How often its source is heard at least while all is well (ms): the interval of its polls, or of its pings; 12 s
   * unless told. Not heard for two and a half times that, a connected feed is `stale`.
   */
  readonly heardEveryMs?: number

  /** @throws GatewayError feed_broken (the source did not answer), feed_refused (it will not). */
  resolve(signal: AbortSignal): Promise<Resolved>

  /**
   * Yields what the source sends, in batches as they came, until the signal aborts.
   * MUST throw GatewayError feed_broken when the connection ends or falls silent; MUST NOT reconnect. It may open the
   * next connection before it leaves this one, when no message is lost between them.
   */
  receive(
    instruments: readonly Instrument[],
    events: FeedEvents,
    signal: AbortSignal,
  ): AsyncIterable<readonly Received<Raw>[]>

  /** Pure. Empty for a message that carries no tick. @throws GatewayError feed_payload for one it cannot read. */
  normalize(raw: Raw, received: number): readonly Tick[]

  /** The newest tick the source has, or undefined when there is none. */
  newest?(instrument: Instrument, signal: AbortSignal): Promise<Tick | undefined>
  /**
   * Yields pages of ticks in id order, without holes: from the id after `after`, or from the first tick at or after
   * `from` (Unix ms), up to the newest at the time of the last page. An empty iteration: there is none.
   */
  trades?(
    instrument: Instrument,
    start: { readonly after: Cursor } | { readonly from: number },
    signal: AbortSignal,
    pace?: Pace,
  ): AsyncIterable<readonly Tick[]>
  /** The newest `limit` candles before `before` (Unix ms, default: all), ascending; the last may be open (`final` false). */
  candles?(
    instrument: Instrument,
    timeframe: Timeframe,
    range: { readonly before?: number; readonly limit: number },
    signal: AbortSignal,
    pace?: Pace,
  ): Promise<readonly Candle[]>
}

/** What the feeds read of the loaded configuration; each takes its own fields. */
export interface FeedConfig {
  readonly cryptoSymbols: readonly SymbolMapping[]
  readonly binanceStreamUrl: string
  readonly binanceRestUrl: string
  readonly stockSymbols: readonly SymbolMapping[]
  /** Undefined: the public hosts. */
  readonly yahooUrl?: string | undefined
  readonly yahooPollMs: number
  readonly macroSeries: readonly SymbolMapping[]
  readonly fredApiKey?: string | undefined
  /** Undefined: the public host. */
  readonly fredUrl?: string | undefined
  readonly fredPollMs: number
  /** What a feed must know after a restart is kept there, in files that begin with its name. */
  readonly dataDir: string
}

/** A feed that is not run, and how to switch it on: `set CRYPTO_SYMBOLS`. */
export interface Off {
  readonly off: string
}

/** The environment's variables, for a feed that has some of its own. */
export type FeedEnv = Readonly<Record<string, string | undefined>>

/** One source: how its feed is made. */
export interface FeedDefinition {
  readonly name: string
  /** @throws GatewayError config_invalid for a variable of its own that it cannot read */
  create(config: FeedConfig, env: FeedEnv): Feed | Off
}
