import { without } from '../../market/id-range.ts'
import { streamName } from '../../market/instrument.ts'
import type { Batch, Gap } from '../database/database.ts'
import { type Frame, scanFrames } from './frame.ts'
import { SPOOL_DAMAGED } from './loss-watch.ts'
import { inOrder } from './merge-ticks.ts'
import { diskError } from './spool-files.ts'
import { addRun, type Block, type Position, restOf, type TickIndex } from './tick-index.ts'
import type { Run } from './tick-runs.ts'
import { foundIn, type InstrumentTicks, nameOfStream, ticksIn } from './tick-segment.ts'

export interface TakenTicks {
  readonly ticks: Batch['ticks']
  /** Behind the last of them. */
  readonly until: Position
  /** What is left of the block that `until` lies in. */
  readonly rest: Block | undefined
  /** Ids whose bytes are damaged since they were written: to wait for them would hold up all others for ever. */
  readonly lost: readonly Gap[]
}

export interface TakingTicks {
  /** No tick waits but these. */
  readonly isAll: boolean
  readonly taken: Promise<TakenTicks>
}

/** Reads the oldest frames, so many that they hold `rows` ticks; undefined when there is none. They stay. */
export function takeTicks(index: TickIndex, rows: number): TakingTicks | undefined {
  const blocks: Block[] = []
  let ticks = 0
  for (const block of index.blocks) {
    if (blocks.length > 0 && ticks >= rows) break
    blocks.push(block)
    ticks += block.ticks
  }
  if (blocks.length === 0) return undefined
  // A block that still grows would be another one when it is released.
  if (blocks.length === index.blocks.length) index.seal()
  return { isAll: index.ticks === ticks && ticks <= rows, taken: read(blocks, rows) }
}

async function read(blocks: readonly Block[], rows: number): Promise<TakenTicks> {
  const releases = blocks.map(({ segment }) => segment.file.hold())
  try {
    const found: InstrumentTicks[] = []
    const lost: Gap[] = []
    let ticks = 0
    let until: Position = { segment: 0, offset: 0 }
    let rest: Block | undefined
    for (const block of blocks) {
      const { segment, end } = block
      const { frames, isDamaged } = await readGoodFrames(block)
      if (isDamaged) lost.push(...lostIn(block, frames))
      const taken = frames.findIndex((frame) => {
        if (ticks >= rows) return true
        const each = ticksIn(frame, segment.names)
        found.push(...each)
        ticks += each.reduce((sum, { updates }) => sum + updates.length, 0)
        until = { segment: segment.number, offset: frame.end }
        return false
      })
      if (taken < 0) {
        until = { segment: segment.number, offset: end }
        continue
      }
      const left = frames.slice(taken).map((frame) => ({ frame, found: foundIn(frame, segment.names) ?? [] }))
      rest = restOf(
        block,
        left.map(({ frame, found }) => ({ start: frame.offset, end: frame.end, found })),
      )
      break
    }
    return { ticks: byStream(found), until, rest, lost }
  } finally {
    for (const release of releases) release()
  }
}

async function readGoodFrames({ segment: { file }, start, end }: Block) {
  const bytes = await file.read(start, end).catch((error) => {
    throw diskError(error)
  })
  const frames: Frame[] = []
  let isDamaged = false
  const read = async (from: number, to: number) => bytes.subarray(from - start, to - start)
  for await (const frame of scanFrames(read, start, end)) {
    if ('isTorn' in frame) isDamaged = true
    else frames.push(frame)
  }
  return { frames, isDamaged }
}

/** What the index says is there, without what is. */
function lostIn({ segment, runs }: Block, frames: readonly Frame[]): readonly Gap[] {
  const foundByStream = new Map<string, Run[]>()
  for (const { stream, runs: found } of frames.flatMap((frame) => foundIn(frame, segment.names) ?? [])) {
    const known = foundByStream.get(stream) ?? []
    for (const run of found) addRun(known, run)
    foundByStream.set(stream, known)
  }
  return [...runs].flatMap(([stream, expected]) => {
    const instrument = nameOfStream(segment, stream)
    const lost = expected.flatMap((run) => without(run, foundByStream.get(stream) ?? []))
    return lost.map(({ from, to }): Gap => ({ instrument, from, to, status: 'open', reason: SPOOL_DAMAGED }))
  })
}

/** Each instrument's in id order, without doubles. */
function byStream(found: readonly InstrumentTicks[]): Batch['ticks'] {
  const parts = new Map<string, InstrumentTicks[]>()
  for (const each of found) {
    const stream = streamName(each.instrument)
    const known = parts.get(stream)
    if (known === undefined) parts.set(stream, [each])
    else known.push(each)
  }
  return [...parts.values()].flatMap((each) => {
    const { instrument } = each.at(-1)!
    return inOrder(each.flatMap(({ updates }) => updates)).map((update) => ({ instrument, update }))
  })
}
