import type { Answer } from './connection.ts'

/** What the worker is given on start. */
export interface WorkerSetup {
  readonly directory: string
}

/** One statement for the worker. With `copy`, `sql` reads those bytes as the file '/dev/blob'. */
export interface WorkerRequest {
  readonly id: number
  readonly sql: string
  readonly parameters?: readonly unknown[]
  readonly copy?: Uint8Array<ArrayBuffer>
}

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
