import type { Answer, Copy, Ending, Query } from './connection.ts'

/** What the worker is given on start. */
export interface WorkerSetup {
  readonly directory: string
}

/** Rows that are made already: a generator cannot leave its thread. */
export interface WholeCopy extends Copy {
  readonly tuples: readonly Uint8Array<ArrayBuffer>[]
}

/**
 * A whole transaction: in one message, because every answer waits until the gateway's thread has time for it, and under
 * load that is long.
 */
export interface WorkerTransaction {
  readonly statements: readonly (Query | WholeCopy)[]
  readonly end: Ending
}

/** What the worker is asked to do. */
export type WorkerTask = Query | WorkerTransaction

export type WorkerRequest = WorkerTask & { readonly id: number }

/** Said once, when the database is open. */
export interface WorkerReady {
  readonly ready: true
}

/** An Error does not keep its SQLSTATE on the way between threads, so its parts go. */
export interface WorkerFailure {
  readonly message: string
  readonly code: string | undefined
}

export type WorkerReply =
  | WorkerReady
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly failure: WorkerFailure }
