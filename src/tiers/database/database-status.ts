import type { Database } from './database.ts'

export const DATABASE_STATES = ['opening', 'open', 'away'] as const

/** How the database is at the moment. `away`: it was there, or should be, and is tried again. */
export interface DatabaseStatus {
  readonly kind: Database['kind']
  readonly state: (typeof DATABASE_STATES)[number]
  /** Unix ms. */
  readonly since: number
  /** Why it is away. Never a secret. */
  readonly reason?: string
}
