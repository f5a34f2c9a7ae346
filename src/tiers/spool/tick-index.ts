import type { Cursor } from '../../market/tick.ts'
import { isLinked, joinRuns, type Run } from './tick-runs.ts'
import type { TickSegment } from './tick-segment.ts'

/** Frames of one segment that lie together, and which ids of each stream are in them. */
export interface Block {
  readonly segment: TickSegment
  readonly start: number
  readonly end: number
  readonly ticks: number
  /** By stream, in the order of arrival. */
  readonly runs: ReadonlyMap<string, readonly Run[]>
}

/** What a frame holds of one stream. */
export interface StreamRuns {
  readonly stream: string
  readonly runs: readonly Run[]
}

/** A place in the segments: everything before it has left. */
export interface Position {
  readonly segment: number
  readonly offset: number
}

/** A read goes through whole blocks, so they are small; and an index entry stands for many ticks, so it is. */
const BLOCK_BYTES = 512 * 1024
const TICKS_PER_RUN = 256

interface GrowingBlock extends Block {
  end: number
  ticks: number
  readonly runs: Map<string, Run[]>
}

/** Where the ticks are that wait. Some bytes of memory for hundreds of ticks on disk. */
export class TickIndex {
  /** In the order of arrival. */
  #blocks: Block[] = []
  /** The last block while frames are added to it. */
  #growing: GrowingBlock | undefined
  readonly #counts = new Map<string, number>()
  #ticks = 0

  get ticks(): number {
    return this.#ticks
  }

  get blocks(): readonly Block[] {
    return this.#blocks
  }

  has(stream: string): boolean {
    return this.#counts.has(stream)
  }

  streams(): Iterable<string> {
    return this.#counts.keys()
  }

  /** Adds a frame behind all others. */
  add(segment: TickSegment, start: number, end: number, found: readonly StreamRuns[]): void {
    if (this.#growing?.segment !== segment || isFull(this.#growing)) {
      this.#growing = { segment, start, end: start, ticks: 0, runs: new Map() }
      this.#blocks.push(this.#growing)
    }
    this.#count(found, 1)
    grow(this.#growing, end, found)
  }

  /** The next frame begins a block of its own. */
  seal(): void {
    this.#growing = undefined
  }

  /** What every block that may hold such ids of the stream says of it, in the order of arrival. */
  find(stream: string, isWanted: (run: Run) => boolean): readonly { readonly block: Block; readonly run: Run }[] {
    return this.#blocks.flatMap((block) =>
      (block.runs.get(stream) ?? []).filter(isWanted).map((run) => ({ block, run })),
    )
  }

  /** Where the unbroken row up to the stream's newest id begins (see `Spool`): late ticks before it are not of it. */
  startsAfter(stream: string): Cursor | undefined {
    const runs = this.find(stream, () => true).map(({ run }) => run)
    let start: Cursor | undefined
    let last = -1
    for (const { from, to, prev } of runs.sort((a, b) => a.from - b.from)) {
      if (start === undefined || prev === null || prev > last) start = prev ?? from
      last = Math.max(last, to)
    }
    return start
  }

  /** Forgets everything before `position`; `rest` is what is left of the block that lies across it. */
  forget(position: Position, rest: Block | undefined): void {
    const isBefore = ({ segment, start }: Block) =>
      segment.number < position.segment || (segment.number === position.segment && start < position.offset)
    const gone = this.#blocks.filter(isBefore)
    for (const block of gone) this.#count(streamRunsOf(block), -1)
    this.#blocks = this.#blocks.slice(gone.length)
    if (rest !== undefined && gone.at(-1)?.segment === rest.segment) {
      this.#blocks.unshift(rest)
      this.#count(streamRunsOf(rest), 1)
    }
    if (this.#blocks.at(-1) !== this.#growing) this.seal()
  }

  #count(found: Iterable<StreamRuns>, sign: 1 | -1): void {
    for (const { stream, runs } of found) {
      const ticks = runs.reduce((sum, { count }) => sum + count, 0)
      this.#ticks += sign * ticks
      const left = (this.#counts.get(stream) ?? 0) + sign * ticks
      if (left > 0) this.#counts.set(stream, left)
      else this.#counts.delete(stream)
    }
  }
}

/** A block of the frames that are left of another one. */
export function restOf(
  block: Block,
  frames: readonly { readonly start: number; readonly end: number; readonly found: readonly StreamRuns[] }[],
): Block | undefined {
  const [first] = frames
  if (first === undefined) return undefined
  const rest: GrowingBlock = { segment: block.segment, start: first.start, end: first.start, ticks: 0, runs: new Map() }
  for (const { end, found } of frames) grow(rest, end, found)
  return rest
}

export function streamRunsOf({ runs }: Block): readonly StreamRuns[] {
  return [...runs].map(([stream, each]) => ({ stream, runs: each }))
}

function isFull({ start, end, ticks, runs }: Block): boolean {
  return end - start >= BLOCK_BYTES && ticks >= TICKS_PER_RUN * runs.size
}

function grow(block: GrowingBlock, end: number, found: readonly StreamRuns[]): void {
  block.end = end
  for (const { stream, runs } of found) {
    const known = block.runs.get(stream)
    if (known === undefined) block.runs.set(stream, [...runs])
    else for (const run of runs) addRun(known, run)
    block.ticks += runs.reduce((sum, { count }) => sum + count, 0)
  }
}

/** Makes the last run longer where the next one goes on; runs are never changed, since reads hold them. */
export function addRun(runs: Run[], next: Run): void {
  const last = runs.at(-1)
  if (last !== undefined && isLinked(last, next)) runs[runs.length - 1] = joinRuns(last, next)
  else runs.push(next)
}
