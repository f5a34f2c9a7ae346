import pg from 'pg'
import { migrateDatabase } from '../../src/tiers/database/open-database.ts'
import { createDatabase, dropDatabase } from '../servers/test-databases.ts'
import { readStored, type Stored } from './stored.ts'

export interface StoreSettings {
  /** A commit waits for the log: its server is going to be stopped. Else that would only make schedules slower. */
  readonly durable?: boolean
}

/** A PostgreSQL database that one schedule after another uses; a test reads it past the gateway. */
export class Store implements Stored {
  readonly url: string
  readonly #adminUrl: string
  /** Its server may be stopped: then the next question opens another one. */
  #client: pg.Client | undefined
  readonly ticks: Stored['ticks']
  readonly candles: Stored['candles']
  readonly openGaps: Stored['openGaps']
  readonly newest: Required<Stored>['newest']

  static async create(adminUrl: string, prefix: string, { durable = false }: StoreSettings = {}): Promise<Store> {
    const url = await createDatabase(adminUrl, prefix)
    await migrateDatabase({ databaseUrl: url })
    const store = new Store(adminUrl, url)
    const name = new URL(url).pathname.slice(1)
    if (!durable) await store.#query(`alter database ${name} set synchronous_commit = off`)
    return store
  }

  private constructor(adminUrl: string, url: string) {
    this.#adminUrl = adminUrl
    this.url = url
    const stored = readStored((text, values) => this.#query(text, values))
    this.ticks = stored.ticks
    this.candles = stored.candles
    this.openGaps = stored.openGaps
    this.newest = stored.newest
  }

  /** Empties it; whoever still writes is cut off before. */
  async clear(): Promise<void> {
    await this.#query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    await this.#query('truncate instruments, ticks, candles, gaps restart identity')
  }

  async drop(): Promise<void> {
    await this.#client?.end()
    await dropDatabase(this.#adminUrl, this.url)
  }

  async #query(text: string, values: readonly (string | number)[] = []): Promise<readonly never[]> {
    const client = this.#client ?? (await this.#connect())
    return (await client.query<never>(text, [...values])).rows
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url })
    client.on('error', () => {
      this.#client = undefined
    })
    await client.connect()
    this.#client = client
    return client
  }
}
