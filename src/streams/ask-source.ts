import { type BackoffBounds, fullJitterMs, pause } from '../base/backoff.ts'
import { GatewayError, isGatewayError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Feed, Pace } from '../feed.ts'
import type { Candle } from '../market/candle.ts'
import type { SourceCandles } from '../market/compose.ts'
import type { Instrument } from '../market/instrument.ts'
import type { Tick } from '../market/tick.ts'
import { bucketEnd, bucketStart, TIMEFRAME_MS, TIMEFRAMES, type Timeframe } from '../market/timeframe.ts'
import type { MemoryStream } from '../tiers/memory/memory.ts'

/** What a source says of an instrument's past, as of one moment. */
export interface SourcePast {
  readonly newest: Tick | undefined
  readonly candles: SourceCandles
  /** Where the running minute begins (Unix ms): what is older is in finished candles. */
  readonly minute: number
  /** Since the running minute, in id order. */
  readonly trades: readonly Tick[]
}

export interface AskCandlesPorts {
  readonly feed: Feed
  /** Candles per timeframe that are asked of the source, at least and at most. */
  readonly depth: number
  readonly depthMax: number
}

export interface AskSourcePorts extends AskCandlesPorts {
  /** Runs a question to the source when it is its turn: all streams share the source. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>
  /** Between two tries to reach the source. */
  readonly backoff: BackoffBounds
  readonly log: Log
}

/** A question that is under way until the source has answered. */
export interface Question {
  /** Undefined while there is no answer. */
  past: SourcePast | undefined
  /** Whoever asked waits for it; else somebody has to be told. */
  isAwaited: boolean
  /** Settles with the answer; with undefined on abort. Never rejects, but for a fault of ours. */
  readonly answered: Promise<SourcePast | undefined>
}

/** Asks for the past of a stream until the source has answered; waits between tries take no turn from the others. */
export function askSource(
  stream: MemoryStream,
  ports: AskSourcePorts,
  signal: AbortSignal,
  failuresBefore: number,
): Question {
  const question: Question = { past: undefined, isAwaited: false, answered: ask() }
  return question

  async function ask(): Promise<SourcePast | undefined> {
    const { feed, inTurn, backoff, log } = ports
    const { symbol } = stream.instrument
    for (let attempt = failuresBefore; ; attempt++) {
      if (attempt > 0) await pause(fullJitterMs(attempt - 1, backoff), signal)
      if (signal.aborted) return undefined
      try {
        const past = await inTurn(() => askOnce(stream, ports, signal))
        question.past = past
        return past
      } catch (error) {
        if (!isGatewayError(error)) throw error
        if (signal.aborted) return undefined
        log.warn({ feed: feed.name, symbol, reason: error.message }, 'asking for the past failed, trying again')
      }
    }
  }
}

/**
 * The newest tick, candles, the longest first, so that what ends between two questions is composed of shorter ones, and
 * last the trades of the running minute. Nothing waits for this: what happens meanwhile is in memory when it is taken.
 */
async function askOnce(stream: MemoryStream, ports: AskSourcePorts, signal: AbortSignal): Promise<SourcePast> {
  const { feed } = ports
  const { instrument } = stream
  const newest = await feed.newest?.(instrument, signal)
  const { latest } = stream
  const missedMs = latest === undefined || newest === undefined ? 0 : newest.time - latest.time
  const candles = await askCandles(instrument, missedMs, ports, signal)
  const minute = finishedUntil(candles.get('1m') ?? []) ?? bucketStart('1m', newest?.time ?? 0)
  const trades: Tick[] = []
  for await (const page of feed.trades?.(instrument, { from: minute }, signal, 'urgent') ?? []) trades.push(...page)
  if (signal.aborted) throw new GatewayError('feed_broken', 'the source must be asked to the end, was stopped')
  return { newest, candles, minute, trades }
}

/** The source's candles of every timeframe, the longest first; for so long (ms) its ticks were missed. */
export async function askCandles(
  instrument: Instrument,
  missedMs: number,
  { feed, depth, depthMax }: AskCandlesPorts,
  signal: AbortSignal,
  pace?: Pace,
): Promise<SourceCandles> {
  const candles = new Map<Timeframe, readonly Candle[]>()
  const order = [...TIMEFRAMES].sort((a, b) => TIMEFRAME_MS[b] - TIMEFRAME_MS[a])
  for (const timeframe of order) {
    // As far back as the stream has got its trades, where memory holds so much: no candle in it lacks the missed ones.
    const missed = Math.ceil(missedMs / TIMEFRAME_MS[timeframe]) + 1
    const limit = Math.min(depthMax, Math.max(depth, missed))
    const rows = (await feed.candles?.(instrument, timeframe, { limit }, signal, pace)) ?? []
    // Empty buckets have no candle.
    candles.set(
      timeframe,
      rows.filter(({ trades }) => trades > 0),
    )
  }
  return candles
}

/** The end of the last finished minute, or the beginning of the first open one. */
function finishedUntil(minutes: readonly Candle[]): number | undefined {
  const last = minutes.findLast(({ final }) => final)
  return last === undefined ? minutes[0]?.time : bucketEnd('1m', last.time)
}
