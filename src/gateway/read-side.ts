import { pause } from '../base/backoff.ts'
import { GatewayError } from '../base/errors.ts'
import type { GapSource } from '../http/gaps.ts'
import type { ListedInstrument } from '../http/instruments.ts'
import type { ObservationSource } from '../http/observations.ts'
import type { HubSource, OlderCandles } from '../hub/source.ts'
import { streamName } from '../market/instrument.ts'
import type { Cursor } from '../market/tick.ts'
import type { Timeframe } from '../market/timeframe.ts'
import { isTakenBack } from '../streams/untold.ts'
import type { Database } from '../tiers/database/database.ts'
import type { MemoryStream, MemoryTier } from '../tiers/memory/memory.ts'

/** What brings to the database what memory has and that has not. */
export interface StorePorts {
  /** Hands over the candles that have changed. */
  readonly storeChanged: () => void
  /** Resolves when the database has everything that was handed over. */
  readonly stored: () => Promise<void>
  /** Reads candles that memory does not hold, and asks their source for what is not stored; unset: nobody is asked. */
  readonly olderCandles?: (
    stream: MemoryStream,
    timeframe: Timeframe,
    before: number,
    count: number,
  ) => Promise<OlderCandles>
}

/** So long a reader waits for what is on its way to the database. */
const MOST_STORE_MS = 2_000

/** What clients read, by WebSocket and HTTP: memory first, the database for what is older. */
export function createReadSide(
  memory: MemoryTier,
  database: Database,
  { storeChanged, stored, olderCandles }: StorePorts,
): HubSource & GapSource & ObservationSource {
  return {
    stream: (symbol) => memory.stream(symbol),
    symbols: () => memory.symbols(),
    awaited: () => memory.awaited(),
    async ticksAfter(symbol, after, limit) {
      const stream = memory.stream(symbol)
      if (stream === undefined) return []
      requireKnown(stream, after)
      return database.ticksAfter(stream.instrument, after, limit)
    },
    async candlesBefore(symbol, timeframe, before, count) {
      const stream = memory.stream(symbol)
      if (stream === undefined) return { candles: [], isWhole: true }
      if (stream.series !== undefined || timeframe === 'native')
        return { candles: stream.series?.newestBefore(timeframe, before, count) ?? [], isWhole: true }
      if (olderCandles !== undefined) return olderCandles(stream, timeframe, before, count)
      return { candles: await database.candlesBefore(stream.instrument, timeframe, before, count), isWhole: true }
    },
    async storeCandles() {
      storeChanged()
      const late = new AbortController()
      const isStored = stored().then(() => true)
      const inTime = await Promise.race([isStored, pause(MOST_STORE_MS, late.signal).then(() => false)])
      late.abort()
      if (!inTime) throw new GatewayError('tier_unavailable', 'the database must have the newest candles, has not yet')
    },
    async idFrom(symbol, time) {
      const stream = memory.stream(symbol)
      if (stream === undefined) return undefined
      const id = await database.idFrom(stream.instrument, time)
      if (id !== undefined) requireKnown(stream, id - 1)
      return id
    },
    async ticksBefore(symbol, before, limit) {
      const stream = memory.stream(symbol)
      if (stream === undefined) return []
      const ticks = await database.ticksBefore(stream.instrument, before, limit)
      requireKnown(stream, ticks.length < limit ? -1 : ticks[0]!.id - 1)
      return ticks
    },
    async observations(symbol, asOf) {
      const stream = memory.stream(symbol)
      return stream === undefined ? [] : database.observations(stream.instrument, asOf)
    },
    async gaps(symbol) {
      const stream = memory.stream(symbol)
      const gaps = stream === undefined ? [] : await database.gaps(stream.instrument)
      return gaps
        .filter((gap) => !isTakenBack(gap))
        .map(({ instrument, from, to, status, reason }) => {
          return { symbol, stream: streamName(instrument), from, to, count: to - from + 1, status, reason }
        })
    },
  }
}

/**
 * Until a stream that began without its database is joined to what is stored, there may be a hole that nobody has told.
 * @throws GatewayError tier_unavailable
 */
function requireKnown({ unknownThrough, instrument }: MemoryStream, after: Cursor): void {
  if (unknownThrough === undefined || (unknownThrough !== null && after >= unknownThrough)) return
  throw new GatewayError('tier_unavailable', `${instrument.symbol} must be joined to what is stored first`)
}

/** Every instrument with where its stream is now. */
export function listInstruments(memory: MemoryTier): readonly ListedInstrument[] {
  return [...memory.streams()].map(({ instrument, cursor, latest }) => ({
    symbol: instrument.symbol,
    assetClass: instrument.assetClass,
    source: instrument.source,
    sourceSymbol: instrument.sourceSymbol,
    stream: streamName(instrument),
    cursor,
    price: latest?.price,
    time: latest?.time,
  }))
}
