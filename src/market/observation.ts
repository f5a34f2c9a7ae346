import type { Cursor, Update } from './tick.ts'

/** A value of a series as it was published on a day: a later vintage of the same period revises it. */
export interface Observation {
  readonly id: Cursor
  /** The first day that it describes, `YYYY-MM-DD`. */
  readonly period: string
  /** The day on which it was published so, `YYYY-MM-DD`. */
  readonly vintage: string
  /** Undefined: the source says that it has none. */
  readonly value: number | undefined
  /** When it became known (Unix ms). */
  readonly knownAt: number
}

/** As it is read back: a fact of the past, and what is before it is not looked at. */
export function updateOf(symbol: string, { id, period, vintage, value, knownAt }: Observation): Update {
  return {
    ...{ symbol, id, prev: null, price: value, size: undefined, side: undefined, trades: 1 },
    ...{ time: knownAt, received: knownAt, backfilled: true, period, vintage, isPast: true },
  }
}
