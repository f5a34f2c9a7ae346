import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHub, type Hub } from '../../src/hub/hub.ts'
import { FakeSource } from '../fakes/fake-source.ts'

const CHUNKS = 64
const server = createServer((request, response) => {
  response.setHeader('x-asked', `${request.method} ${request.url}`)
  Readable.from(Array.from({ length: CHUNKS }, () => Buffer.alloc(65_536))).pipe(response)
})
let hub: Hub
beforeEach(async () => {
  hub = createHub({ source: new FakeSource('BTC'), heartbeatMs: 60_000 })
  hub.attach(server, { ready: () => true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  await hub.close()
  await new Promise((resolve) => server.close(resolve))
})

/** As Java's client asks, and `curl --http2`: it would like HTTP/2, and takes what it gets. */
function offerHttp2(path: string): Promise<IncomingMessage> {
  const headers = {
    Connection: 'Upgrade, HTTP2-Settings',
    Upgrade: 'h2c',
    'HTTP2-Settings': 'AAMAAABkAAQCAAAAAAIAAAAA',
  }
  return new Promise((resolve, reject) => {
    get({ port: (server.address() as AddressInfo).port, path, headers }, resolve).on('error', reject)
  })
}

describe('a request that offers another protocol than WebSocket', () => {
  it('is answered as one that offers none, however long the answer', async () => {
    const response = await offerHttp2('/api?a=1')
    expect(response.statusCode).toBe(200)
    expect(response.headers['x-asked']).toBe('GET /api?a=1')
    expect(response.headers.connection).toBe('close')
    expect((await buffer(response)).length).toBe(CHUNKS * 65_536)
  })

  it('may leave in the middle of its answer', async () => {
    const response = await offerHttp2('/api')
    response.destroy()
    expect((await buffer(await offerHttp2('/again'))).length).toBe(CHUNKS * 65_536)
  })
})
