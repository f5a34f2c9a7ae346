// https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
import { GatewayError } from '../src/base/errors.ts'
import type { Tick } from '../src/market/tick.ts'

const EXCERPT_CHARACTERS = 120

/** The exchange stamps the event after the trade; this much is its clocks' to disagree. */
const MOST_AHEAD_MS = 60_000

const NO_TICKS: readonly Tick[] = Object.freeze([])

/** What a frame of the streams means. The hot path: hand-written guards, few allocations but the tick and its array. */
export function normalizeFrame(
  raw: string,
  received: number,
  symbolByVenueSymbol: ReadonlyMap<string, string>,
): readonly Tick[] {
  const event = readPrinted(raw) ?? readEvent(raw)
  if (event === undefined) return NO_TICKS
  if (!isAggTrade(event)) throw unreadable('an aggTrade must have s, p, q, ids a, f <= l, E, T and m', raw)
  // It would end every candle of this source up to then.
  if (event.T > event.E + MOST_AHEAD_MS) throw unreadable('a trade must not be later than its event', raw)
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
  /^\{"stream":"[\w@]+","data":\{"e":"aggTrade","E":(\d+),"s":"(\w+)","a":(\d+),"p":"([\d.]+)","q":"([\d.]+)","f":(\d+),"l":(\d+),"T":(\d+),"m":(true|false),"M":(?:true|false)\}\}$/

function readPrinted(raw: string): BinanceAggTrade | undefined {
  const found = PRINTED_AGG_TRADE.exec(raw)
  if (found === null) return undefined
  return {
    E: Number(found[1]),
    s: found[2]!,
    a: Number(found[3]),
    p: found[4]!,
    q: found[5]!,
    f: Number(found[6]),
    l: Number(found[7]),
    T: Number(found[8]),
    m: found[9] === 'true',
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
  const { E, a, f, l, T } = event
  return (
    typeof event.s === 'string' &&
    typeof event.p === 'string' &&
    typeof event.q === 'string' &&
    typeof event.m === 'boolean' &&
    isCount(a) &&
    isCount(f) &&
    isCount(l) &&
    l >= f &&
    isCount(E) &&
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
  /** When the exchange sent it, Unix ms. */
  readonly E: number
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
