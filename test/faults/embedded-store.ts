import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { readStored, type Stored } from './stored.ts'

/**
 * The embedded database of a gateway's directory. It is one process's at a time: its rows are read when the gateway has
 * stopped, and what is missing while it runs is asked of the gateway.
 */
export class EmbeddedStore implements Stored {
  readonly #url: string
  #database: Promise<PGlite> | undefined
  readonly ticks: Stored['ticks']
  readonly candles: Stored['candles']

  /** `url`: where the gateway is found, whichever process it is. */
  constructor(dataDir: string, url: string) {
    this.#url = url
    const stored = readStored(async (text, values) => {
      this.#database ??= PGlite.create(join(dataDir, 'pglite'))
      return (await (await this.#database).query<never>(text, [...values])).rows
    })
    this.ticks = stored.ticks
    this.candles = stored.candles
  }

  async openGaps(): Promise<readonly string[]> {
    const answer = await fetch(`${this.#url}/api/v1/gaps`)
    if (!answer.ok) return [`the gateway answers ${answer.status}`]
    const { gaps } = (await answer.json()) as { readonly gaps: readonly { readonly status: string }[] }
    return gaps.filter(({ status }) => status !== 'filled').map((gap) => JSON.stringify(gap))
  }

  async close(): Promise<void> {
    await (await this.#database)?.close()
  }
}
