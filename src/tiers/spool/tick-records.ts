import type { Cursor, Update } from '../../market/tick.ts'
import { FRAME_HEAD, sealFrame } from './frame.ts'

/** One instrument's ticks of a frame; `number` is its name in the segment. */
export interface TickSection {
  readonly number: number
  readonly updates: readonly Update[]
}

/** Where a section's records lie in the body of a frame. */
export interface SectionPlace {
  readonly number: number
  readonly count: number
  readonly at: number
}

/** id, prev, price, size, trades, time and received as doubles, so that whatever a number is comes back; then flags. */
export const RECORD_BYTES = 7 * 8 + 1
const SECTION_BYTES = 8
/** A frame is never larger: it is what is lost at once, and what a read holds. */
export const MOST_TICKS = 8_192

const BUY = 1
const SELL = 2
const SIZED = 4
const BACKFILLED = 8
const FIRST = 16
/** An observation, which has days where others have a size and trades: its period and its vintage (days since 1970). */
const OBSERVED = 32
const DAY_MS = 24 * 60 * 60_000

/** The body: `[u32 sections]`, of each `[u32 number][u32 count]`, then the records in this order. */
export function tickFrame(sections: readonly TickSection[]): Buffer {
  const ticks = sections.reduce((sum, { updates }) => sum + updates.length, 0)
  const head = FRAME_HEAD + 4 + sections.length * SECTION_BYTES
  const bytes = Buffer.allocUnsafe(head + ticks * RECORD_BYTES)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  view.setUint32(FRAME_HEAD, sections.length, true)
  let place = FRAME_HEAD + 4
  let at = head
  for (const { number, updates } of sections) {
    view.setUint32(place, number, true)
    view.setUint32(place + 4, updates.length, true)
    place += SECTION_BYTES
    for (const update of updates) {
      encode(view, at, update)
      at += RECORD_BYTES
    }
  }
  return sealFrame(bytes, 't')
}

function encode(view: DataView, at: number, update: Update): void {
  const { id, prev, price, side, time, received, backfilled, period, vintage } = update
  const isObserved = period !== undefined && vintage !== undefined
  const size = isObserved ? dayOf(period) : update.size
  const trades = isObserved ? dayOf(vintage) : update.trades
  view.setFloat64(at, id, true)
  view.setFloat64(at + 8, prev ?? 0, true)
  view.setFloat64(at + 16, price ?? Number.NaN, true)
  view.setFloat64(at + 24, size ?? 0, true)
  view.setFloat64(at + 32, trades, true)
  view.setFloat64(at + 40, time, true)
  view.setFloat64(at + 48, received, true)
  const sideFlag = side === undefined ? 0 : side === 'buy' ? BUY : SELL
  const flags =
    sideFlag |
    (size === undefined ? 0 : SIZED) |
    (backfilled ? BACKFILLED : 0) |
    (prev === null ? FIRST : 0) |
    (isObserved ? OBSERVED : 0)
  view.setUint8(at + 56, flags)
}

export function viewOf(body: Buffer): DataView {
  return new DataView(body.buffer, body.byteOffset, body.length)
}

export function sectionsOf(view: DataView): readonly SectionPlace[] {
  const count = view.getUint32(0, true)
  const sections: SectionPlace[] = []
  let at = 4 + count * SECTION_BYTES
  for (let place = 4; place < 4 + count * SECTION_BYTES; place += SECTION_BYTES) {
    const section = { number: view.getUint32(place, true), count: view.getUint32(place + 4, true), at }
    sections.push(section)
    at += section.count * RECORD_BYTES
  }
  return sections
}

export function idAt(view: DataView, at: number): Cursor {
  return view.getFloat64(at, true)
}

export function prevAt(view: DataView, at: number): Cursor | null {
  return view.getUint8(at + 56) & FIRST ? null : view.getFloat64(at + 8, true)
}

export function tickAt(view: DataView, at: number, symbol: string): Update {
  const flags = view.getUint8(at + 56)
  const price = view.getFloat64(at + 16, true)
  const size = flags & SIZED ? view.getFloat64(at + 24, true) : undefined
  const trades = view.getFloat64(at + 32, true)
  const update = {
    symbol,
    id: idAt(view, at),
    prev: prevAt(view, at),
    price,
    size,
    side: flags & BUY ? ('buy' as const) : flags & SELL ? ('sell' as const) : undefined,
    trades,
    time: view.getFloat64(at + 40, true),
    received: view.getFloat64(at + 48, true),
    backfilled: (flags & BACKFILLED) !== 0,
  }
  if ((flags & OBSERVED) === 0) return update
  const days = { period: dayText(size ?? 0), vintage: dayText(trades) }
  return { ...update, price: Number.isNaN(price) ? undefined : price, size: undefined, trades: 1, ...days }
}

function dayOf(text: string): number {
  return Date.parse(text) / DAY_MS
}

function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}
