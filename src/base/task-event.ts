import type { ErrorCode } from './errors.ts'

/** What a task that takes a while tells as it goes on, in order; over HTTP one JSON object a line. */
export type TaskEvent = TaskProgress | Finding | TaskSummary | TaskFailure

/** How far it is: for a terminal, worth nothing afterwards. */
export interface TaskProgress {
  readonly type: 'progress'
  readonly message: string
}

/** Something that was found: a `difference` is wrong, a `note` is only worth knowing. */
export interface Finding {
  readonly type: 'difference' | 'note'
  /** What sort of thing: `hole`, `candle`. */
  readonly kind: string
  /** A line for people. */
  readonly message: string
  /** The same for programs: ids, times. */
  readonly [field: string]: string | number
}

/** The last event of a task that came to its end. */
export interface TaskSummary {
  readonly type: 'summary'
  /** Nothing was wrong. */
  readonly ok: boolean
  /** For people; several lines. */
  readonly message: string
  readonly counts: Readonly<Record<string, number>>
}

/** The last event of one that did not. */
export interface TaskFailure {
  readonly type: 'failure'
  readonly code: ErrorCode
  readonly message: string
}
