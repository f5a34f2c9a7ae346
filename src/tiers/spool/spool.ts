import type { Instrument } from '../../market/instrument.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import type { Batch, CandleRow, Gap } from '../database/database.ts'

/** The oldest of what waits. */
export interface SpooledBatch {
  readonly batch: Batch
  /**
   * It is in the database: it leaves the disk. Called at most once, before the next batch is asked for. What became of
   * its gaps is never handed over again; ticks and candles may be after a crash, which changes nothing.
   * @throws GatewayError tier_unavailable (the disk is full): it waits still, and comes with the next batch again
   */
  release(): Promise<void>
}

export interface SpoolOptions {
  readonly directory: string
  /** Of all files (SPOOL_MAX_BYTES): past it the oldest ticks leave; candles and gaps never. */
  readonly maxBytes: number
  /** Candles that wait, 500,000, held in memory: past it the oldest finished 1s candles leave; longer ones never. */
  readonly candleBound?: number
  /** Told of ticks that left at the bound, as open gaps that the spool itself keeps and hands over with the rest. */
  readonly onDropped: (gap: Gap) => void
  readonly log: { warn(fields: object, message: string): void; info(fields: object, message: string): void }
}

export interface SpoolStats {
  readonly bytes: number
  /** Ticks that wait. */
  readonly ticks: number
  /** Candle rows that wait, the newest of each bucket. */
  readonly candles: number
  /** Ticks that left at the bound since the start. */
  readonly dropped: number
  /** 1s candles that left at theirs. */
  readonly droppedCandles: number
}

/**
 * Batches on disk while the database is away: in CRC-framed segments, fsynced, read back after a crash up to a torn last
 * frame. One writer a directory. What is in here is durable.
 */
export interface Spool {
  readonly isEmpty: boolean
  readonly stats: SpoolStats
  /** Resolves when the batch survives a crash. @throws GatewayError tier_unavailable (the disk is full, or read-only) */
  append(batch: Batch): Promise<void>
  /** The oldest batch, about `rows` ticks at most; undefined when nothing waits. It stays until it is released. */
  next(rows: number): Promise<SpooledBatch | undefined>
  /** Every instrument that has something in here. */
  instruments(): readonly Instrument[]
  /**
   * What comes after it is in here, without a break up to the newest tick that waits: the `prev` of the oldest tick of
   * that, or its own id where it has none. Older ones, that were found late, may wait too. Undefined: no tick waits.
   */
  startsAfter(instrument: Instrument): Cursor | undefined
  /**
   * As the database's, of what waits when it is called, with the symbol that the instrument has now: `prev` is linked
   * within the spool, the first one's is as it was. What is released or leaves meanwhile is read all the same. @throws GatewayError tier_unavailable
   */
  ticksAfter(instrument: Instrument, after: Cursor, limit: number): Promise<readonly Update[]>
  ticksBefore(instrument: Instrument, before: Cursor | undefined, limit: number): Promise<readonly Update[]>
  /** The newest row of each bucket that waits. */
  candles(instrument: Instrument): readonly CandleRow[]
  gaps(instrument: Instrument): readonly Gap[]
  /** Ends writing; what waits stays on disk. */
  close(): Promise<void>
}
