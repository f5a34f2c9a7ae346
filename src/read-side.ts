import type { ListedInstrument } from './http/instruments.ts'
import type { HubSource } from './hub/source.ts'
import { streamName } from './market/instrument.ts'
import type { Database } from './tiers/database.ts'
import type { MemoryTier } from './tiers/memory.ts'

/** What the hub reads: memory first, the database for what is older. */
export function createHubSource(memory: MemoryTier, database: Database): HubSource {
  return {
    stream: (symbol) => memory.stream(symbol),
    symbols: () => memory.symbols(),
    awaited: () => memory.awaited(),
    async ticksAfter(symbol, after, limit) {
      const stream = memory.stream(symbol)
      return stream === undefined ? [] : database.ticksAfter(stream.instrument, after, limit)
    },
    async ticksBefore(symbol, before, limit) {
      const stream = memory.stream(symbol)
      return stream === undefined ? [] : database.ticksBefore(stream.instrument, before, limit)
    },
  }
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
