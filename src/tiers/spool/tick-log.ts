import { join } from 'node:path'
import type { Instrument } from '../../market/instrument.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import type { Batch } from '../database/database.ts'
import { FRAME_HEAD } from './frame.ts'
import { HEADER_BYTES, SegmentFile } from './segment-file.ts'
import type { InstrumentNumbers } from './segment-names.ts'
import type { SpoolFiles, SpoolLog } from './spool-files.ts'
import { type TakenTicks, type TakingTicks, takeTicks } from './take-ticks.ts'
import type { Position, StreamRuns, TickIndex } from './tick-index.ts'
import { readAfter, readBefore } from './tick-reads.ts'
import { MOST_TICKS, tickFrame } from './tick-records.ts'
import { foundIn, type TickSegment } from './tick-segment.ts'

type Ticks = Batch['ticks']

export interface TickLogOptions {
  readonly directory: string
  readonly segmentBytes: number
  readonly numbers: InstrumentNumbers
  readonly disk: SpoolFiles
  readonly log: SpoolLog
}

/** Frames that are on disk and not yet told to anybody. */
export interface WrittenTicks {
  readonly segment: TickSegment
  readonly frames: readonly { readonly start: number; readonly end: number; readonly found: readonly StreamRuns[] }[]
}

/** Ticks in segments, oldest first. Its writes MUST be called one after the other; reads at any time. */
export class TickLog {
  readonly index: TickIndex
  readonly #options: TickLogOptions
  readonly #segments: TickSegment[]
  #nextNumber: number
  /** The last segment, while it is written; how many numbers it defines. */
  #active: TickSegment | undefined
  #defined = 0

  /** `segments` are those that the index names, in order; new ones are numbered from `nextNumber` on. */
  constructor(options: TickLogOptions, index: TickIndex, segments: TickSegment[], nextNumber: number) {
    this.#options = options
    this.index = index
    this.#segments = segments
    this.#nextNumber = nextNumber
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { file }) => sum + file.end, 0)
  }

  /** Encodes ticks, an instrument's together; one frame for all unless they are many. */
  encode(ticks: Ticks): readonly Buffer[] {
    const frames: Buffer[] = []
    for (let start = 0; start < ticks.length; start += MOST_TICKS) {
      const groups = new Map<Instrument, Update[]>()
      for (const { instrument, update } of ticks.slice(start, start + MOST_TICKS)) {
        const group = groups.get(instrument)
        if (group === undefined) groups.set(instrument, [update])
        else group.push(update)
      }
      const { numbers } = this.#options
      frames.push(
        tickFrame([...groups].map(([instrument, updates]) => ({ number: numbers.numberOf(instrument), updates }))),
      )
    }
    return frames
  }

  /** Writes and syncs frames; `commit` or `undo` MUST follow. After a failure everything is as before. */
  async write(frames: readonly Buffer[]): Promise<WrittenTicks> {
    const bytes = frames.reduce((sum, { length }) => sum + length, 0)
    const segment = await this.#writable(bytes)
    const definitions = this.#options.numbers.definitions(this.#defined)
    let start = segment.file.end + definitions.length
    try {
      await segment.file.append(Buffer.concat([definitions, ...frames]), true)
    } catch (error) {
      await this.#abandon(segment, segment.file.end)
      throw error
    }
    this.#defined = segment.names.length
    const written: WrittenTicks['frames'][number][] = []
    for (const frame of frames) {
      const end = start + frame.length
      const body = frame.subarray(FRAME_HEAD)
      written.push({ start, end, found: foundIn({ offset: start, end, kind: 't', body }, segment.names) ?? [] })
      start = end
    }
    return { segment, frames: written }
  }

  /** What was written waits from now on. */
  commit({ segment, frames }: WrittenTicks): void {
    for (const { start, end, found } of frames) this.index.add(segment, start, end, found)
  }

  /** Cuts off what was written: the rest of its batch could not be. */
  async undo({ segment, frames }: WrittenTicks): Promise<void> {
    await this.#abandon(segment, frames[0]!.start)
  }

  /** The oldest ticks, about `rows`; undefined when none waits. */
  take(rows: number): TakingTicks | undefined {
    return takeTicks(this.index, rows)
  }

  /** The oldest segment that is not written any more, if there is one. */
  get oldest(): TickSegment | undefined {
    return this.#segments[0] === this.#active ? undefined : this.#segments[0]
  }

  /** Forgets what is before `position` and takes segments off the disk that hold nothing else. */
  async forget(position: Position, rest?: TakenTicks['rest']): Promise<void> {
    this.index.forget(position, rest)
    const first = this.index.blocks[0]?.segment
    const count = first === undefined ? this.#segments.length : this.#segments.indexOf(first)
    const gone = this.#segments.splice(0, count)
    if (this.#active !== undefined && gone.includes(this.#active)) this.#active = undefined
    for (const { file } of gone) await file.remove()
  }

  after(instrument: Instrument, after: Cursor, limit: number): Promise<readonly Update[]> {
    return readAfter(this.index, instrument, after, limit)
  }

  before(instrument: Instrument, before: Cursor | undefined, limit: number): Promise<readonly Update[]> {
    return readBefore(this.index, instrument, before, limit)
  }

  async close(): Promise<void> {
    for (const { file } of this.#segments) await file.close()
  }

  /** A segment with room for so many bytes: the last one, or a new one. */
  async #writable(bytes: number): Promise<TickSegment> {
    const { directory, segmentBytes, numbers, disk, log } = this.#options
    if (this.#active !== undefined) {
      const { end } = this.#active.file
      if (end <= HEADER_BYTES || end + bytes <= segmentBytes) return this.#active
    }
    const number = this.#nextNumber
    this.#nextNumber += 1
    const path = join(directory, `${TICK_FILES}${String(number).padStart(12, '0')}`)
    const file = await SegmentFile.create(path, numbers.definitions(0), disk, log)
    this.#active = { number, file, names: numbers.names }
    this.#defined = numbers.names.length
    this.#segments.push(this.#active)
    return this.#active
  }

  async #abandon(segment: TickSegment, end: number): Promise<void> {
    this.#active = undefined
    this.index.seal()
    await segment.file.abandon(end)
    if (this.index.blocks.some((block) => block.segment === segment)) return
    this.#segments.splice(this.#segments.indexOf(segment), 1)
    await segment.file.remove()
  }
}

export const TICK_FILES = 'ticks-'
