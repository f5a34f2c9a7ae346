import type { Cursor } from './tick.ts'

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
