import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { GatewayError, isGatewayError } from '../../src/base/errors.ts'
import type { Log, LogFields } from '../../src/base/log.ts'
import type { Readiness } from '../../src/http/health.ts'
import type { ListedInstrument } from '../../src/http/instruments.ts'
import { createHttpServer, type HttpOptions, type HttpServer } from '../../src/http/server.ts'
import { bareHttp } from '../fakes/bare-http.ts'

const BTC: ListedInstrument = {
  symbol: 'BTC',
  assetClass: 'crypto',
  source: 'binance',
  sourceSymbol: 'BTCUSDT',
  stream: 'binance:BTCUSDT',
  cursor: 3_123_456_789_012,
  price: 97_123.45,
  time: 1_732_250_000_000,
}

let dashboardDirectory: string
let lines: { readonly level: string; readonly fields: LogFields; readonly message: string }[]
let readiness: Readiness
let listed: () => readonly ListedInstrument[]
let http: HttpServer | undefined

const record = (level: string) => (fields: LogFields, message: string) => void lines.push({ level, fields, message })
const log: Log = { debug: record('debug'), info: record('info'), warn: record('warn'), error: record('error') }

async function start(changes: Partial<HttpOptions> = {}): Promise<HttpServer> {
  const ask = { readiness: () => readiness, instruments: () => listed() }
  http = await createHttpServer({ ...bareHttp(), ...ask, dashboardDirectory, log, ...changes })
  return http
}

/** Sends exactly `text` and gives back all that comes until the other side closes. */
async function speak(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(text)
  let heard = ''
  for await (const chunk of socket) heard += String(chunk)
  return heard
}

beforeEach(async () => {
  dashboardDirectory = await mkdtemp(join(tmpdir(), 'tickgate http '))
  await writeFile(join(dashboardDirectory, 'index.html'), '<title>tickgate</title>')
  await writeFile(join(dashboardDirectory, 'main.js'), 'export {}')
  lines = []
  readiness = { ready: true, reasons: [] }
  listed = () => [BTC]
})

afterEach(async () => {
  await http?.close()
  http = undefined
  await rm(dashboardDirectory, { recursive: true })
})

describe('health', () => {
  test('a living process says so', async () => {
    const answer = await fetch(`${(await start()).url}/healthz`)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({ status: 'ok', uptime: expect.any(Number) })
  })

  test('a gateway that is not ready says why, and then that it is', async () => {
    const { url } = await start()
    readiness = { ready: false, reasons: ['BTC is not warm', 'the database is starting'] }
    const before = await fetch(`${url}/readyz`)
    expect([before.status, before.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await before.json()).toMatchObject({ status: 503, reasons: readiness.reasons })
    readiness = { ready: true, reasons: [] }
    const after = await fetch(`${url}/readyz`)
    expect([after.status, await after.json()]).toEqual([200, { status: 'ready', reasons: [] }])
  })
})

describe('instruments', () => {
  test('are listed with all digits of their cursor and price', async () => {
    const answer = await fetch(`${(await start()).url}/api/v1/instruments`)
    expect(await answer.json()).toEqual({ instruments: [BTC] })
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test('without a tick have a null cursor and no price', async () => {
    const { price, time, ...rest } = BTC
    listed = () => [{ ...rest, cursor: null, price: undefined, time: undefined }]
    const answer = await fetch(`${(await start()).url}/api/v1/instruments`)
    expect(await answer.json()).toEqual({ instruments: [{ ...rest, cursor: null }] })
  })
})

describe('the dashboard', () => {
  test('comes from its directory and may talk to this gateway only', async () => {
    const { url } = await start()
    const page = await fetch(url)
    expect(await page.text()).toBe('<title>tickgate</title>')
    expect(page.headers.get('content-type')).toContain('text/html')
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'self'; connect-src 'self' ws: wss:;/)
    expect((await fetch(`${url}/main.js`)).headers.get('content-type')).toContain('javascript')
  })

  test('is asked for again each time, and answered with 304 while it is the same', async () => {
    const { url, address } = await start()
    const first = await fetch(url)
    expect(first.headers.get('cache-control')).toBe('no-cache')
    // Asked by hand: fetch adds `no-cache` to conditions of ours, which asks for the whole answer.
    const condition = `if-none-match: ${first.headers.get('etag')}`
    const again = `GET / HTTP/1.1\r\nhost: h\r\n${condition}\r\nconnection: close\r\n\r\n`
    expect(await speak(address.port, again)).toMatch(/^HTTP\/1.1 304 /)
  })

  test('gives nothing from outside of its directory', async () => {
    const { address } = await start()
    const outside = 'GET /../../../../../../etc/hostname HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n'
    expect(await speak(address.port, outside)).toMatch(/^HTTP\/1.1 40[034] /)
  })

  test('that was not built says how to build it', async () => {
    const { url } = await start({ dashboardDirectory: join(dashboardDirectory, 'missing') })
    const answer = await fetch(url)
    expect([answer.status, (await answer.json()).detail]).toEqual([404, expect.stringContaining('npm run build')])
  })
})

describe('an error', () => {
  async function problem(path: string, init: RequestInit = {}) {
    const { url } = http ?? (await start())
    const answer = await fetch(`${url}${path}`, init)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json\b/)
    const body = await answer.json()
    expect(body).toEqual(expect.objectContaining({ type: 'about:blank', status: answer.status }))
    return { answer, body }
  }

  test('of a path that is not there is 404, and does not repeat the query', async () => {
    const { body } = await problem('/api/v2/x?token=secret')
    expect(body).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'there is nothing at /api/v2/x',
    })
  })

  test.each(['/', '/main.js', '/healthz', '/api/v1/instruments'])('of another method at %s is 405', async (path) => {
    const { answer, body } = await problem(path, {
      method: 'POST',
      body: 'anything',
      headers: { 'content-type': 'a/b' },
    })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    expect(body.detail).toContain('was asked with POST')
  })

  test('of a plain request to the WebSocket says what it is', async () => {
    const { answer } = await problem('/ws')
    expect([answer.status, answer.headers.get('upgrade')]).toEqual([426, 'websocket'])
  })

  test('of a path that cannot be decoded is 400', async () => {
    expect((await problem('/%zz')).answer.status).toBe(400)
  })

  test('of ours keeps its code and its sentence', async () => {
    listed = () => {
      throw new GatewayError('unavailable', 'the database must answer, was away')
    }
    const { body } = await problem('/api/v1/instruments')
    expect(body).toMatchObject({ status: 503, code: 'unavailable', detail: 'the database must answer, was away' })
  })

  test('that passes by itself says when to ask again, and fills no log', async () => {
    listed = () => {
      throw new GatewayError('tier_unavailable', 'the database must answer, was away')
    }
    const { answer } = await problem('/api/v1/instruments')
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect(lines.filter(({ level }) => level !== 'debug' && level !== 'info')).toEqual([])
  })

  test('that nobody foresaw tells strangers nothing and the log everything', async () => {
    listed = () => {
      throw new Error('inner secret')
    }
    const { answer, body } = await problem('/api/v1/instruments?token=t0ken')
    expect(answer.status).toBe(500)
    expect(JSON.stringify(body)).not.toMatch(/inner|secret|\.ts|node_modules/)
    const failure = lines.find(({ message }) => message === 'request failed')
    expect(failure?.fields).toMatchObject({
      path: '/api/v1/instruments',
      error: expect.stringContaining('inner secret'),
    })
    expect(JSON.stringify(lines)).not.toContain('t0ken')
  })

  test('in what is not HTTP at all is a problem too', async () => {
    const heard = await speak((await start()).address.port, 'NOT HTTP\r\n\r\n')
    expect(heard).toMatch(/^HTTP\/1.1 400 Bad Request\r\ncontent-type: application\/problem\+json\r\n/)
    expect(JSON.parse(heard.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status: 400 })
  })
})

describe('listening', () => {
  test('on a taken port fails with the host and the port', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const address = other.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const failure = await start({ port }).catch((error: unknown) => error)
    other.close()
    expect(isGatewayError(failure, 'port_taken')).toBe(true)
    expect(String(failure)).toContain(`port ${port} on 127.0.0.1 must be free`)
  })

  test('on an address of another machine fails with the variable', async () => {
    const failure = await start({ host: '203.0.113.1' }).catch((error: unknown) => error)
    expect(isGatewayError(failure, 'config_invalid')).toBe(true)
    expect(String(failure)).toContain("HOST must be an address of this machine, was '203.0.113.1'")
  })

  test('hands WebSocket handshakes to whoever listens for them', async () => {
    const { server, address } = await start()
    server.on('upgrade', (incoming, socket: Socket) => socket.end(`HTTP/1.1 101 ${incoming.url}\r\n\r\n`))
    const handshake = 'GET /ws?a=1 HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'
    expect(await speak(address.port, handshake)).toMatch(/^HTTP\/1.1 101 \/ws\?a=1/)
  })
})

test('a WebSocket handshake before anyone listens for it is told to come back', async () => {
  const { address } = await start()
  const handshake = 'GET /ws HTTP/1.1\r\nhost: h\r\nconnection: close, upgrade\r\nupgrade: websocket\r\n\r\n'
  expect(await speak(address.port, handshake)).toMatch(/^HTTP\/1.1 503 [\s\S]*\r\nretry-after: 1\r\n/)
})

describe('closing', () => {
  test('does not wait for idle connections, kept alive or never used', async () => {
    const { address, close } = await start()
    const kept = connect(address.port, '127.0.0.1')
    const silent = connect(address.port, '127.0.0.1')
    const ends = [kept, silent].map((socket) => new Promise((resolve) => socket.resume().on('close', resolve)))
    kept.write('GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n')
    await new Promise((resolve) => kept.once('data', resolve))
    const started = performance.now()
    await close()
    await Promise.all(ends)
    expect(performance.now() - started).toBeLessThan(900)
  })

  test('waits a moment for an answer at work', async () => {
    const { address, close } = await start()
    const atWork = request({ port: address.port, method: 'GET', path: '/healthz', agent: false })
    const answered = new Promise<number | undefined>((resolve, reject) => {
      atWork.on('response', (answer) => resolve(answer.resume().statusCode)).on('error', reject)
    })
    http?.server.once('request', () => void close())
    atWork.end()
    expect(await answered).toBe(200)
  })

  test('twice is the same as once', async () => {
    const { close } = await start()
    await Promise.all([close(), close()])
    await close()
  })
})

test('requests are logged below info, by path alone', async () => {
  await fetch(`${(await start()).url}/healthz?token=t0ken`)
  await http?.close()
  expect(lines).toEqual([
    {
      level: 'debug',
      fields: { method: 'GET', path: '/healthz', status: 200, ms: expect.any(Number) },
      message: 'request answered',
    },
  ])
})
