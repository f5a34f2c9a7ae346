import { type Instrument, streamName } from '../../market/instrument.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import { inOrder, linked } from './merge-ticks.ts'
import type { Block, TickIndex } from './tick-index.ts'
import type { Run } from './tick-runs.ts'
import { readFrames, ticksIn } from './tick-segment.ts'

/**
 * A read sees what waits when it is called: its files stay readable until it is over, also when their ticks are
 * released or dropped meanwhile. Released ones are in the database by then, so that whoever asks both misses none.
 */
export async function readAfter(
  index: TickIndex,
  instrument: Instrument,
  after: Cursor,
  limit: number,
): Promise<readonly Update[]> {
  const stream = streamName(instrument)
  // Those that hold ids on both sides of `after` are read, the others' newest id is known.
  const before = index.find(stream, ({ to }) => to <= after).reduce((newest, { run }) => Math.max(newest, run.to), -1)
  const wanted = index.find(stream, ({ to }) => to > after).toSorted((a, b) => a.run.from - b.run.from)
  const isEnough = (ticks: readonly Update[], next: Run) => {
    const first = ticks.findIndex(({ id }) => id > after)
    return first >= 0 && (ticks[first + limit - 1]?.id ?? Number.POSITIVE_INFINITY) < next.from
  }
  const ticks = await collect(wanted, instrument, isEnough)
  const first = ticks.findIndex(({ id }) => id > after)
  if (first < 0 || limit <= 0) return []
  const predecessor = Math.max(before, ticks[first - 1]?.id ?? -1)
  return linked(ticks.slice(first, first + limit), predecessor < 0 ? undefined : predecessor)
}

export async function readBefore(
  index: TickIndex,
  instrument: Instrument,
  before: Cursor | undefined,
  limit: number,
): Promise<readonly Update[]> {
  const stream = streamName(instrument)
  const end = before ?? Number.POSITIVE_INFINITY
  const wanted = index.find(stream, ({ from }) => from < end).toSorted((a, b) => b.run.to - a.run.to)
  // One more, which the oldest of them is linked to.
  const isEnough = (ticks: readonly Update[], next: Run) => {
    const last = ticks.findLastIndex(({ id }) => id < end)
    return last >= limit && ticks[last - limit]!.id > next.to
  }
  const ticks = (await collect(wanted, instrument, isEnough)).filter(({ id }) => id < end)
  if (limit <= 0) return []
  const page = ticks.slice(-limit)
  return linked(page, ticks.at(-limit - 1)?.id)
}

/** The ticks of the blocks, read one after the other until they are enough for whatever the next one holds. */
async function collect(
  wanted: readonly { readonly block: Block; readonly run: Run }[],
  instrument: Instrument,
  isEnough: (ticks: readonly Update[], next: Run) => boolean,
): Promise<readonly Update[]> {
  const places = wanted.map(({ block, run }) => ({ ...placeOf(block), run }))
  const releases = [...new Set(places.map(({ segment }) => segment.file))].map((file) => file.hold())
  try {
    const parts = new Map<string, (typeof places)[number] & { readonly updates: readonly Update[] }>()
    let ticks: readonly Update[] = []
    for (const place of places) {
      const key = `${place.segment.number} ${place.start}`
      if (parts.has(key)) continue
      if (isEnough(ticks, place.run)) break
      const frames = await readFrames(place.segment, place.start, place.end)
      const updates = frames.flatMap((frame) =>
        ticksIn(frame, place.segment.names, instrument).flatMap((found) => found.updates),
      )
      parts.set(key, { ...place, updates })
      ticks = inOrder(inOrderOfArrival([...parts.values()]))
    }
    return ticks
  } finally {
    for (const release of releases) release()
  }
}

/** A block may grow while others are read. */
function placeOf({ segment, start, end }: Block): Pick<Block, 'segment' | 'start' | 'end'> {
  return { segment, start, end }
}

function inOrderOfArrival(
  parts: readonly (Pick<Block, 'segment' | 'start'> & { readonly updates: readonly Update[] })[],
): readonly Update[] {
  return parts
    .toSorted((a, b) => a.segment.number - b.segment.number || a.start - b.start)
    .flatMap(({ updates }) => updates)
}
