import type { Cursor, Update } from '../../market/tick.ts'
import { encodeTickHistoryHead, encodeTickRow, HISTORY_END } from '../../wire/encode.ts'
import { beginFrame } from '../../wire/frame.ts'
import type { TickPage } from './tick-page.ts'

/** One part of a history: rows of a page, from index `start` up to, but not at, `end`. */
export interface Part {
  readonly page: TickPage
  readonly start: number
  readonly end: number
  /** What this client is told of the first row's `prev`, where that is another than the page says. */
  readonly prev: Cursor | undefined
  readonly cursor: Cursor | null
  readonly more: boolean
  /** Ids before the first row, which the client should have got, may be missing: they are nowhere here. */
  readonly truncated: boolean
}

const END = Buffer.from(HISTORY_END)

/** The rows as the client gets them. */
export function rowsOf({ page, start, end, prev }: Part): readonly Update[] {
  const rows = page.rows.slice(start, end)
  const [first, ...others] = rows
  return first === undefined || prev === undefined ? rows : [{ ...first, prev }, ...others]
}

/** One frame in pieces: what is this client's own, then the text that it shares with all who get these rows. */
export function encodePart(symbol: string, part: Part): readonly Buffer[] {
  const { page, start, end, prev, cursor, more, truncated } = part
  const isLinked = prev !== undefined && start < end
  const own = isLinked ? encodeTickRow({ ...page.rows[start]!, prev }) : ''
  const shared = page.text(isLinked ? start + 1 : start, end)
  const comma = isLinked && shared.length > 0 ? ',' : ''
  const head = encodeTickHistoryHead({ symbol, cursor, tier: page.tier, more, truncated })
  return [beginFrame(`${head}${own}${comma}`, shared.length + END.length), shared, END]
}
