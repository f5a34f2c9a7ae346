import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The made-up venue of `examples/feeds/tulip.ts`: prices that change when a test says so. */
export interface TulipServer {
  readonly url: string
  /** By the venue's symbol. */
  readonly prices: Map<string, { readonly price: number; readonly time: number }>
  mood: 'well' | 'silent' | 'failing'
  close(): Promise<void>
}

export async function startTulipServer(): Promise<TulipServer> {
  const prices: TulipServer['prices'] = new Map()
  const waiting = new Set<ServerResponse>()
  const server = createServer((request, response) => {
    if (tulip.mood === 'silent') {
      waiting.add(response)
      return
    }
    if (tulip.mood === 'failing') {
      response.writeHead(500).end('broken')
      return
    }
    const asked = new URL(request.url ?? '', 'http://tulip').searchParams.get('symbols')?.split(',') ?? []
    const rows = asked.flatMap((symbol) => (prices.has(symbol) ? [{ symbol, ...prices.get(symbol) }] : []))
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(rows))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const tulip: TulipServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    prices,
    mood: 'well',
    async close() {
      for (const response of waiting) response.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return tulip
}
