/** A server that a run of the tests may use, or why there is none. */
export type Found = { readonly url: string } | { readonly missing: string }

/** What the run's setup found, for the tests to `inject`. */
export interface Servers {
  /** `url` is of a database in which databases may be created. */
  readonly postgresql: Found
  readonly redis: Found
  /** Every database of this run has a name that begins so. */
  readonly databasePrefix: string
  /** Every Redis key of this run begins so. */
  readonly keyPrefix: string
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly servers: Servers
  }
}
