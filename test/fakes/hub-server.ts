import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHub, type Hub, type HubOptions } from '../../src/hub/hub.ts'
import { ConnectedClient } from './connected-client.ts'
import { FakeSource } from './fake-source.ts'

export interface HubServer {
  readonly hub: Hub
  readonly source: FakeSource
  readonly port: number
  /** Connects with a query such as `?symbols=BTC`, and reads the welcome. */
  connect(query?: string): Promise<ConnectedClient>
  /** Adds ticks to a stream and publishes them, as ingest does. */
  publish(symbol: string, count?: number, tick?: { readonly jump?: number; readonly price?: number }): void
  close(): Promise<void>
}

export interface HubServerOptions extends Partial<HubOptions> {
  readonly symbols?: readonly string[]
  ready?(): boolean
}

/** A hub on a port of its own, over a fake source. */
export async function startHub({
  symbols = ['BTC', 'ETH'],
  ready = () => true,
  ...options
}: HubServerOptions = {}): Promise<HubServer> {
  const source = new FakeSource(...symbols)
  const hub = createHub({ source, heartbeatMs: 60_000, node: 'test', server: 'tickgate/test', ...options })
  const server = createServer()
  hub.attach(server, { ready })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    hub,
    source,
    port,
    async connect(query = '') {
      const client = await ConnectedClient.open(`ws://127.0.0.1:${port}/ws${query}`)
      await client.nextOfType('welcome')
      return client
    },
    publish(symbol, count = 1, tick = {}) {
      for (let index = 0; index < count; index += 1) hub.publish(source.of(symbol).add(tick))
    },
    async close() {
      await hub.close()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
