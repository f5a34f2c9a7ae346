import { join } from 'node:path'
import type { Instrument } from '../../market/instrument.ts'
import type { CandleRow, Gap } from '../database/database.ts'
import { type CandleRecord, candleRecord, gapRecord, MOST_CANDLES, type RowNote, rowFrame } from './row-records.ts'
import type { RowTable } from './row-table.ts'
import { SegmentFile } from './segment-file.ts'
import type { InstrumentNumbers } from './segment-names.ts'
import { type SpoolFiles, type SpoolLog, syncDirectory } from './spool-files.ts'
import type { Position } from './tick-index.ts'

export const ROW_FILES = 'rows-'
/** A file that is being made; after a crash it is nothing. */
export const UNFINISHED = '.tmp'

export interface RowLogOptions {
  readonly directory: string
  /** Below that the log is not worth writing anew. */
  readonly wornBytes: number
  readonly numbers: InstrumentNumbers
  readonly disk: SpoolFiles
  readonly log: SpoolLog
}

/** What happens to rows, all of it in one frame or nothing. */
export interface RowChange {
  readonly candles?: readonly CandleRow[]
  readonly gaps?: readonly Gap[]
  readonly released?: readonly { readonly instrument: Instrument; readonly sequence: number }[]
  readonly shedThrough?: number
  readonly ticksFrom?: Position
}

/** A change that is on disk, from `start` on, and to be applied. */
export interface WrittenRows {
  readonly file: SegmentFile
  readonly start: number
  readonly frames: readonly { readonly note: RowNote; readonly candles: readonly CandleRecord[] }[]
}

/** Past so many times what is live the log is written anew. */
const WORN = 4
const LIVE_ROW_BYTES = 128

/**
 * Candles and gaps on disk: every state of them behind the one before, in files of their own, so that ticks can leave
 * without them; now and then written anew with the newest states alone. Writes MUST be called one after the other.
 */
export class RowLog {
  readonly table: RowTable
  readonly #options: RowLogOptions
  #files: SegmentFile[]
  #nextNumber: number
  #active: SegmentFile | undefined
  #defined = 0

  constructor(options: RowLogOptions, table: RowTable, files: SegmentFile[], nextNumber: number) {
    this.#options = options
    this.table = table
    this.#files = files
    this.#nextNumber = nextNumber
  }

  get bytes(): number {
    return this.#files.reduce((sum, { end }) => sum + end, 0)
  }

  /** Writes a change; `apply` or `undo` MUST follow. After a failure everything is as before. */
  async write(change: RowChange, isSynced: boolean): Promise<WrittenRows> {
    const { numbers } = this.#options
    const frames = this.#framesOf(change)
    const bytes = frames.map(({ note, candles }) => rowFrame(note, candles))
    const file = await this.#writable()
    const start = file.end
    try {
      await file.append(Buffer.concat([numbers.definitions(this.#defined), ...bytes]), isSynced)
    } catch (error) {
      this.#active = undefined
      await file.abandon()
      throw error
    }
    this.#defined = numbers.names.length
    return { frames, file, start }
  }

  /** Cuts off what was written: the rest of its batch could not be. */
  async undo({ file, start }: WrittenRows): Promise<void> {
    this.#active = undefined
    await file.abandon(start)
  }

  apply({ frames }: WrittenRows): void {
    for (const { note, candles } of frames) this.table.apply(note, candles, this.#options.numbers.names)
  }

  get isWorn(): boolean {
    const live = (this.table.candleCount + this.table.gapCount) * LIVE_ROW_BYTES
    return this.bytes > Math.max(this.#options.wornBytes, WORN * live)
  }

  /** Writes what is live to a new file, which takes the place of all others in one step. */
  async compact(): Promise<void> {
    const { directory, numbers, disk, log } = this.#options
    const { sequence, ticksFrom } = this.table
    // Instruments of an earlier process may have no numbers yet: all have them before the file defines them.
    for (const instrument of this.table.instruments()) numbers.numberOf(instrument)
    const gaps = [...this.table.streams()].flatMap(([, , waiting]) =>
      [...waiting].map((each) => gapRecord(each.gap, each.sequence, numbers)),
    )
    const path = this.#nextPath()
    const file = await SegmentFile.create(path + UNFINISHED, numbers.definitions(0), disk, log)
    try {
      await file.append(rowFrame({ isWhole: true, sequence, gaps, ticksFrom }, []), false)
      for (const records of inParts(this.#records(), MOST_CANDLES)) {
        await file.append(rowFrame({ sequence }, records), false)
      }
      await file.append(Buffer.alloc(0), true)
      await disk.rename(path + UNFINISHED, path)
      file.path = path
      await syncDirectory(disk, directory)
    } catch (error) {
      await file.remove()
      throw error
    }
    const old = this.#files
    this.#files = [file]
    this.#active = file
    this.#defined = numbers.names.length
    for (const each of old) await each.remove()
  }

  /** Takes every file off the disk: nothing waits. */
  async clear(): Promise<void> {
    const files = this.#files
    this.#files = []
    this.#active = undefined
    for (const file of files) await file.remove()
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close()
  }

  #framesOf({ candles = [], gaps = [], released = [], shedThrough, ticksFrom }: RowChange): WrittenRows['frames'] {
    const { numbers } = this.#options
    const sequence = this.table.sequence + 1
    const note: RowNote = {
      sequence,
      ...(gaps.length > 0 ? { gaps: gaps.map((gap) => gapRecord(gap, sequence, numbers)) } : {}),
      ...(released.length > 0
        ? { released: released.map((each) => [numbers.numberOf(each.instrument), each.sequence] as const) }
        : {}),
      ...(shedThrough === undefined ? {} : { shedThrough }),
      ...(ticksFrom === undefined ? {} : { ticksFrom }),
    }
    const records = candles.map((row) => candleRecord(row, sequence, numbers))
    const frames = [{ note, candles: records.slice(0, MOST_CANDLES) }]
    for (let start = MOST_CANDLES; start < records.length; start += MOST_CANDLES) {
      frames.push({ note: { sequence }, candles: records.slice(start, start + MOST_CANDLES) })
    }
    return frames
  }

  *#records(): Generator<CandleRecord> {
    for (const [instrument, each] of this.table.streams()) {
      const number = this.#options.numbers.numberOf(instrument)
      for (const series of each) {
        for (const columns of series.rows()) yield { number, timeframe: series.timeframe, columns }
      }
    }
  }

  async #writable(): Promise<SegmentFile> {
    if (this.#active !== undefined) return this.#active
    const { numbers, disk, log } = this.#options
    this.#active = await SegmentFile.create(this.#nextPath(), numbers.definitions(0), disk, log)
    this.#defined = numbers.names.length
    this.#files.push(this.#active)
    return this.#active
  }

  #nextPath(): string {
    const number = this.#nextNumber
    this.#nextNumber += 1
    return join(this.#options.directory, `${ROW_FILES}${String(number).padStart(12, '0')}`)
  }
}

function* inParts<Item>(items: Iterable<Item>, size: number): Generator<readonly Item[]> {
  let part: Item[] = []
  for (const item of items) {
    part.push(item)
    if (part.length < size) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}
