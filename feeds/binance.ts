// https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
//
// message                      role               what we do
// {stream, data: aggTrade}     tick               normalize
// {result: null, id}           acknowledgement    counted by the socket; no tick
// serverShutdown               end of the socket  feed_broken
// any other event              not asked for      no tick
//
// What the messages mean is here. The rest has a file each, for together they are 800 lines: how a connection lives
// (binance-socket.ts), what is asked over REST (binance-symbols.ts, binance-history.ts) and how (binance-client.ts).
import { GatewayError } from '../src/base/errors.ts'
import { createPushQueue, type PushQueue } from '../src/base/push.ts'
import type { Feed, FeedEvents, Received } from '../src/feed.ts'
import type { Instrument, SymbolMapping } from '../src/market/instrument.ts'
import type { Tick } from '../src/market/tick.ts'
import { createBinanceClient } from './binance-client.ts'
import { createBinanceHistory } from './binance-history.ts'
import { BinanceSocket, type BinanceSocketHandlers } from './binance-socket.ts'
import { resolveSymbols } from './binance-symbols.ts'

export interface BinanceOptions {
  readonly symbols: readonly SymbolMapping[]
  /** Origin of the market streams: `wss://data-stream.binance.vision`. */
  readonly streamUrl: string
  /** Origin of the REST API: `https://data-api.binance.vision`. */
  readonly restUrl: string
  /** Unix ms: stamps what is received. */
  readonly now?: () => number
  readonly timeouts?: Partial<BinanceTimeouts>
}

export interface BinanceTimeouts {
  /** Longest wait for the socket to open, and for each SUBSCRIBE to be acknowledged. */
  readonly connectMs: number
  readonly pingMs: number
  /** Longest time without a frame, a ping or a pong before the peer counts as dead. */
  readonly silenceMs: number
  readonly requestMs: number
}

/** A live peer answers two pings within the silence, and a dead one is noticed within a minute. */
const TIMEOUTS: BinanceTimeouts = { connectMs: 10_000, pingMs: 20_000, silenceMs: 55_000, requestMs: 10_000 }

/** Frames received and not yet read. At the bound the feed breaks, and the hole is filled by id after the restart. */
const QUEUE_BOUND = 65_536

/** Binance closes a connection that asks for more. */
const STREAMS_PER_SOCKET = 1_024

const EXCERPT_CHARACTERS = 120

const NO_TICKS: readonly Tick[] = Object.freeze([])

/** Aggregate trades of Binance's spot market: live from the combined stream, older ones by id over REST. */
export function createBinanceFeed(options: BinanceOptions): Required<Feed<string>> {
  const { symbols, streamUrl, restUrl, now = Date.now, timeouts } = options
  const times = { ...TIMEOUTS, ...timeouts }
  const client = createBinanceClient(restUrl, times.requestMs)
  // Reversed, so that of two names for one stream the first stays: the second is refused.
  const symbolByVenueSymbol = new Map(symbols.toReversed().map(({ symbol, sourceSymbol }) => [sourceSymbol, symbol]))
  return {
    name: 'binance',
    assetClass: 'crypto',
    contiguousIds: true,
    symbols,
    resolve: (signal) => resolveSymbols(client, symbols, signal),
    receive: (instruments, events, signal) => receive({ streamUrl, times, now }, instruments, events, signal),
    normalize: (raw, received) => normalize(raw, received, symbolByVenueSymbol),
    ...createBinanceHistory(client, now),
  }
}

interface Connection {
  readonly streamUrl: string
  readonly times: BinanceTimeouts
  readonly now: () => number
}

async function* receive(
  connection: Connection,
  instruments: readonly Instrument[],
  events: FeedEvents,
  signal: AbortSignal,
): AsyncGenerator<readonly Received<string>[]> {
  if (instruments.length === 0)
    throw new GatewayError('feed_refused', 'Binance must be asked for an instrument, was none')
  const queue = createPushQueue<Received<string>>(QUEUE_BOUND, signal)
  const disconnect = connect(connection, instruments.map(toStreamName), events, queue)
  signal.addEventListener('abort', disconnect, { once: true })
  try {
    yield* queue
  } finally {
    signal.removeEventListener('abort', disconnect)
    disconnect()
  }
}

/** Opens as many sockets as the streams need; they end together, and by the returned function at once. */
function connect(
  { streamUrl, times, now }: Connection,
  streams: readonly string[],
  events: FeedEvents,
  queue: PushQueue<Received<string>>,
): () => void {
  const groups = chunk(streams, STREAMS_PER_SOCKET)
  let unready = groups.length
  let sockets: readonly BinanceSocket[] = []
  const disconnect = () => {
    for (const socket of sockets) socket.close()
  }
  const fail = (error: unknown) => {
    queue.fail(error)
    disconnect()
  }
  // These run inside a socket's callbacks: what they threw would end the process.
  const handlers: BinanceSocketHandlers = {
    ready() {
      unready -= 1
      if (unready > 0) return
      try {
        events.connected()
      } catch (error) {
        fail(error)
      }
    },
    message(raw) {
      if (!queue.push({ raw, received: now() })) fail(tooSlow())
    },
    failed: fail,
  }
  sockets = groups.map((group) => new BinanceSocket(streamUrl, group, times, handlers))
  return disconnect
}

function toStreamName({ sourceSymbol }: Instrument): string {
  return `${sourceSymbol.toLowerCase()}@aggTrade`
}

function tooSlow(): GatewayError {
  return new GatewayError(
    'feed_broken',
    `the reader must keep up, was ${QUEUE_BOUND} frames behind: what came after them is lost`,
  )
}

function chunk<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size))
}

/** The hot path: hand-written guards, and few allocations but the tick and its array. */
function normalize(raw: string, received: number, symbolByVenueSymbol: ReadonlyMap<string, string>): readonly Tick[] {
  const event = readPrinted(raw) ?? readEvent(raw)
  if (event === undefined) return NO_TICKS
  if (!isAggTrade(event)) throw unreadable('an aggTrade must have s, p, q, ids a, f <= l, T and m', raw)
  const price = Number(event.p)
  const size = Number(event.q)
  if (!(isPositive(price) && isPositive(size))) throw unreadable('price and quantity must be positive numbers', raw)
  const symbol = symbolByVenueSymbol.get(event.s)
  if (symbol === undefined) throw unreadable('the symbol must be one that was asked for', raw)
  return [
    {
      symbol,
      id: event.a,
      price,
      size,
      side: event.m ? 'sell' : 'buy',
      trades: event.l - event.f + 1,
      time: event.T,
      received,
    },
  ]
}

/**
 * An aggTrade of the combined streams as Binance prints it, letter by letter. Matching it costs half of what JSON.parse
 * costs, which was a third of the gateway's work at full load; a frame of any other shape is parsed.
 */
const PRINTED_AGG_TRADE =
  /^\{"stream":"[\w@]+","data":\{"e":"aggTrade","E":\d+,"s":"(\w+)","a":(\d+),"p":"([\d.]+)","q":"([\d.]+)","f":(\d+),"l":(\d+),"T":(\d+),"m":(true|false),"M":(?:true|false)\}\}$/

function readPrinted(raw: string): BinanceAggTrade | undefined {
  const found = PRINTED_AGG_TRADE.exec(raw)
  if (found === null) return undefined
  return {
    s: found[1]!,
    a: Number(found[2]),
    p: found[3]!,
    q: found[4]!,
    f: Number(found[5]),
    l: Number(found[6]),
    T: Number(found[7]),
    m: found[8] === 'true',
  }
}

/** The aggTrade of a frame, yet to be judged; undefined for a frame that is of no trade. */
function readEvent(raw: string): Readonly<Record<string, unknown>> | undefined {
  const frame = readFrame(raw)
  // The combined streams wrap the event, `/ws` does not.
  const event = frame.data ?? frame
  if (!isObject(event)) throw unreadable('the data of a frame must be an object', raw)
  if (event.e === 'aggTrade') return event
  if (isOfNoTrade(frame)) return undefined
  throw unreadable('a frame must hold an aggTrade or an answer', raw)
}

function readFrame(raw: string): JsonObject {
  let frame: unknown
  try {
    frame = JSON.parse(raw)
  } catch {
    // The parser's own message quotes the frame at any length.
    throw unreadable('a frame must be JSON', raw)
  }
  if (!isObject(frame)) throw unreadable('a frame must be an object', raw)
  return frame
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null
}

/** Another stream's frame, another event, or an answer to SUBSCRIBE. */
function isOfNoTrade(frame: JsonObject): boolean {
  if (typeof frame.stream === 'string') return !frame.stream.endsWith('@aggTrade')
  return typeof frame.e === 'string' || ('id' in frame && ('result' in frame || 'error' in frame || 'code' in frame))
}

function isAggTrade(event: JsonObject | BinanceAggTrade): event is BinanceAggTrade {
  const { a, f, l, T } = event
  return (
    typeof event.s === 'string' &&
    typeof event.p === 'string' &&
    typeof event.q === 'string' &&
    typeof event.m === 'boolean' &&
    isCount(a) &&
    isCount(f) &&
    isCount(l) &&
    l >= f &&
    isCount(T)
  )
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isPositive(value: number): boolean {
  return Number.isFinite(value) && value > 0
}

function unreadable(rule: string, raw: string): GatewayError {
  return new GatewayError('feed_payload', `${rule}, was ${raw.slice(0, EXCERPT_CHARACTERS)}`)
}

// --- Binance's payload as far as we use it ---

type JsonObject = Readonly<Record<string, unknown>>

interface BinanceAggTrade {
  readonly s: string
  /** Aggregate-trade id, contiguous per symbol: the tick's id. */
  readonly a: number
  readonly p: string
  readonly q: string
  /** First and last raw trade in it. */
  readonly f: number
  readonly l: number
  /** Trade time, Unix ms. */
  readonly T: number
  /** The buyer was resting, so the taker sold. */
  readonly m: boolean
}
