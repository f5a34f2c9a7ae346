import { type Instrument, streamName } from '../../market/instrument.ts'
import type { Update } from '../../market/tick.ts'
import { type Frame, frameAt } from './frame.ts'
import type { SegmentFile } from './segment-file.ts'
import type { Names } from './segment-names.ts'
import { diskError } from './spool-files.ts'
import type { StreamRuns } from './tick-index.ts'
import { RECORD_BYTES, sectionsOf, tickAt, viewOf } from './tick-records.ts'
import { runsOf } from './tick-runs.ts'

/** One file of ticks. */
export interface TickSegment {
  readonly number: number
  readonly file: SegmentFile
  readonly names: Names
}

export interface InstrumentTicks {
  readonly instrument: Instrument
  readonly updates: readonly Update[]
}

/** The frames of a range of bytes that begins and ends with one. @throws GatewayError tier_unavailable */
export async function readFrames({ file }: TickSegment, from: number, to: number): Promise<readonly Frame[]> {
  const bytes = await file.read(from, to).catch((error) => {
    throw diskError(error)
  })
  const frames: Frame[] = []
  for (let at = 0; at < to - from; at = frames.at(-1)!.end - from) {
    const frame = frameAt(bytes, at, from)
    if (frame === undefined) throw diskError(new Error(`${file.path} is damaged at ${from + at}`))
    frames.push(frame)
  }
  return frames
}

/** What a frame holds of each stream; undefined when it names one that its segment does not define. */
export function foundIn({ kind, body }: Frame, names: Names): readonly StreamRuns[] | undefined {
  if (kind !== 't') return []
  const view = viewOf(body)
  const found: StreamRuns[] = []
  for (const section of sectionsOf(view)) {
    const instrument = names[section.number]
    if (instrument === undefined) return undefined
    found.push({ stream: streamName(instrument), runs: runsOf(view, section) })
  }
  return found
}

/** The ticks of a frame, of all streams or of one: then with the symbol that its instrument has now. */
export function ticksIn({ kind, body }: Frame, names: Names, wanted?: Instrument): readonly InstrumentTicks[] {
  if (kind !== 't') return []
  const view = viewOf(body)
  const found: InstrumentTicks[] = []
  for (const { number, count, at } of sectionsOf(view)) {
    const named = names[number]!
    if (wanted !== undefined && streamName(named) !== streamName(wanted)) continue
    const instrument = wanted ?? named
    const updates = Array.from({ length: count }, (_, index) =>
      tickAt(view, at + index * RECORD_BYTES, instrument.symbol),
    )
    found.push({ instrument, updates })
  }
  return found
}

/** The newest definition of the stream in the segment, which holds ticks of it. */
export function nameOfStream({ names }: TickSegment, stream: string): Instrument {
  return names.findLast((name) => name !== undefined && streamName(name) === stream)!
}
