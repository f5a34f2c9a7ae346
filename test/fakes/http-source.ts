import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HttpAnswer {
  readonly status?: number
  /** An object is sent as JSON, a string as it is. */
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string | number>>
}

/** An HTTP source that answers as a test tells it to; `undefined` is silence. */
export interface HttpSource {
  readonly url: string
  /** Path and query of every request, in order. */
  readonly requests: readonly string[]
  connections(): Promise<number>
  close(): Promise<void>
}

export async function startHttpSource(answer: (request: URL) => HttpAnswer | undefined): Promise<HttpSource> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    const reply = answer(new URL(request.url ?? '', 'http://source'))
    if (!reply) return
    response.statusCode = reply.status ?? 200
    for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value)
    response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
      }),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
