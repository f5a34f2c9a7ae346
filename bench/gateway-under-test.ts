import { z } from 'zod'
import { type Child, startChild } from './child.ts'
import { pinThread } from './cores.ts'
import { createOwnDatabase } from './own-database.ts'
import { makeTemporaryDirectory } from './temporary-directory.ts'

/** Where a source of trades is, as its process tells. */
export const SOURCE = z.object({ streamUrl: z.string(), restUrl: z.string(), symbols: z.array(z.string()) })
export type Source = z.infer<typeof SOURCE>

const PLACE = z.object({ url: z.string(), databaseThread: z.number().optional() })

export interface GatewayUnderTest {
  readonly url: string
  readonly child: Child
  /** Ends it and removes everything that it stored. */
  stop(): Promise<void>
}

export interface GatewayPlace {
  readonly store: boolean
  /** Of the whole process, but its database's thread. */
  readonly core?: number
  readonly databaseCore?: number
}

/** A new gateway on an empty database: the server at DATABASE_URL, where it is set, else the embedded one. */
export async function startGatewayUnderTest(source: Source, place: GatewayPlace): Promise<GatewayUnderTest> {
  const directory = makeTemporaryDirectory()
  const database = await createOwnDatabase(process.env.DATABASE_URL)
  const env = {
    PORT: '0',
    DATA_DIR: directory.path,
    ...(database && { DATABASE_URL: database.url }),
    BINANCE_STREAM_URL: source.streamUrl,
    BINANCE_REST_URL: source.restUrl,
    CRYPTO_SYMBOLS: source.symbols.join(','),
    STOCK_SYMBOLS: '',
    MACRO_SERIES: '',
  }
  const child = startChild('gateway', { env, store: place.store }, place.core)
  const stop = async () => {
    await child.stop()
    await database?.drop()
    directory.remove()
  }
  try {
    const { url, databaseThread } = await child.ask({ ask: 'where' }, PLACE)
    const { databaseCore } = place
    if (databaseThread !== undefined && databaseCore !== undefined) pinThread(databaseThread, databaseCore)
    return { url, child, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
