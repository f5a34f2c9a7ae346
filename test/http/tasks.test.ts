import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import { createGate } from '../../src/base/gate.ts'
import type { TaskEvent } from '../../src/base/task-event.ts'
import { createHttpServer, type HttpServer } from '../../src/http/server.ts'
import type { RunTask } from '../../src/http/tasks.ts'
import { askGateway } from '../../src/tasks/ask-gateway.ts'
import type { TaskRequest } from '../../src/wire/tasks.ts'
import { bareHttp } from '../fakes/bare-http.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'

const open: HttpServer[] = []
afterEach(async () => {
  for (const http of open.splice(0)) await http.close()
})

const summary: TaskEvent = { type: 'summary', ok: true, message: 'done', counts: { trades: 3 } }
const progress: TaskEvent = { type: 'progress', message: 'half of it' }
const finding: TaskEvent = { type: 'difference', kind: 'hole', message: 'trade 7', from: 7, to: 7 }

async function serve(runTask: RunTask, host = '127.0.0.1', log = createLogRecorder()): Promise<HttpServer> {
  const http = await createHttpServer({ ...bareHttp(), host, log, runTask })
  open.push(http)
  return http
}

async function* tell(...events: readonly TaskEvent[]): AsyncGenerator<TaskEvent> {
  yield* events
}

const post = (http: HttpServer, headers: Readonly<Record<string, string>> = {}, body = '{}') =>
  fetch(`${http.url}/api/v1/verify/BTC`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })

async function ask(url: string, task: TaskRequest, signal = new AbortController().signal) {
  const events: TaskEvent[] = []
  for await (const event of askGateway(url, task, signal)) events.push(event)
  return events
}

const VERIFY: TaskRequest = { task: 'verify', symbol: 'BTC', from: 5, source: true }

describe('a task over HTTP', () => {
  it('is run as it was asked for, and answers a line for each event', async () => {
    const asked: TaskRequest[] = []
    const http = await serve((task) => {
      asked.push(task)
      return tell(progress, finding, summary)
    })
    expect(await ask(http.url, VERIFY)).toEqual([progress, finding, summary])
    const backfill: TaskRequest = { task: 'backfill', symbol: 'BTC', from: 5, to: 9 }
    expect(await ask(http.url.replace('http', 'ws'), backfill)).toEqual([progress, finding, summary])
    expect(asked).toEqual([VERIFY, backfill])
  })

  it('is told as it goes on, not when it is over', async () => {
    const gate = createGate()
    const http = await serve(async function* () {
      yield progress
      await gate.opened
      yield summary
    })
    const events = askGateway(http.url, VERIFY, new AbortController().signal)
    expect((await events.next()).value).toEqual(progress)
    gate.open()
    expect((await events.next()).value).toEqual(summary)
  })

  it('is given up when its client leaves', async () => {
    const left = createGate()
    const http = await serve(async function* (_, signal) {
      signal.addEventListener('abort', left.open)
      yield progress
      await left.opened
    })
    const stop = new AbortController()
    const events = askGateway(http.url, VERIFY, stop.signal)
    await events.next()
    stop.abort()
    await left.opened
    expect((await events.next()).done).toBe(true)
  })

  it('is given up when its client leaves before it has told anything', async () => {
    const asked = createGate()
    const given = createGate()
    const log = createLogRecorder()
    const run: RunTask = async function* (_, signal) {
      try {
        asked.open()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        yield finding
        yield summary
      } finally {
        given.open()
      }
    }
    const http = await serve(run, '127.0.0.1', log)
    const stop = new AbortController()
    const events = ask(http.url, VERIFY, stop.signal)
    await asked.opened
    stop.abort()
    expect(await events).toEqual([])
    await given.opened
    await http.close()
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])
  })

  it('that cannot begin is a problem, and one that fails later says so in its last line', async () => {
    const refused = await serve(() => {
      throw new GatewayError('rate_limited', 'another one is running')
    })
    const response = await post(refused)
    expect(response.status).toBe(429)
    expect(await response.json()).toMatchObject({ code: 'rate_limited', detail: 'another one is running' })
    await expect(ask(refused.url, VERIFY)).rejects.toThrow('the gateway answers 429: another one is running')
    const failing = await serve(async function* () {
      yield progress
      throw new GatewayError('feed_broken', 'the source is away')
    })
    await expect(ask(failing.url, VERIFY)).rejects.toMatchObject({ code: 'feed_broken', message: 'the source is away' })
    const faulty = await serve(async function* () {
      yield progress
      throw new TypeError('a secret')
    })
    await expect(ask(faulty.url, VERIFY)).rejects.toMatchObject({ code: 'internal', message: /log/ })
  })

  it('whose gateway ends in the middle is known not to be over', async () => {
    const http = await serve(() => tell(progress))
    await expect(ask(http.url, VERIFY)).rejects.toMatchObject({ code: 'unavailable' })
    const cut = await serve(async function* () {
      yield progress
      await new Promise(() => {})
    })
    const events = askGateway(cut.url, VERIFY, new AbortController().signal)
    await events.next()
    cut.server.closeAllConnections()
    await expect(events.next()).rejects.toMatchObject({ code: 'unavailable' })
  })

  it.each([
    ['a page of another site', { origin: 'http://evil.example' }],
    ['a page that gives itself out as this gateway', { origin: 'http://127.0.0.1' }],
    ['a page without an origin', { 'sec-fetch-site': 'cross-site' }],
    ['a proxy', { 'x-forwarded-for': '203.0.113.9' }],
    ['another proxy', { forwarded: 'for=203.0.113.9' }],
    ['a proxy that hands on only the name that it was asked for', { host: 'gateway.example' }],
    ['a page whose name was bent to this machine', { host: 'evil.example:8080' }],
  ])('is refused to %s', async (_, headers) => {
    const http = await serve(() => tell(summary))
    // Not by fetch, which sets some of these itself.
    const sent = request(`${http.url}/api/v1/verify/BTC`, { method: 'POST', headers })
    sent.end('{}')
    const [response] = await once(sent, 'response')
    expect(response.statusCode).toBe(403)
    response.resume()
  })

  it('is refused to a proxy that says nothing of itself, but speaks as proxies do', async () => {
    const http = await serve(() => tell(summary))
    const socket = connect(http.address.port, '127.0.0.1')
    socket.end('POST /api/v1/verify/BTC HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n')
    expect(await text(socket)).toMatch(/^HTTP\/1.1 403/)
  })

  it.each(['localhost', hostname(), '127.0.0.1:8080', '[::1]:8080'])('is for who calls it %s', async (host) => {
    const http = await serve(() => tell(summary))
    const sent = request(`${http.url}/api/v1/verify/BTC`, { method: 'POST', headers: { host } })
    sent.end()
    const [response] = await once(sent, 'response')
    expect(response.statusCode).toBe(200)
    response.resume()
  })

  it('is for this machine, by whatever address it reaches itself', async () => {
    const http = await serve(() => tell(summary), '0.0.0.0')
    const own = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
    for (const { address } of own.filter(({ family }) => family === 'IPv4')) {
      expect(await ask(`http://${address}:${http.address.port}`, VERIFY), address).toEqual([summary])
    }
  })

  it.each([
    ['a time that is none', '{"from":"x"}', 400],
    ['a range that is none', '{"from":9,"to":3}', 400],
    ['a field that is not known', '{"since":3}', 400],
    ['no object', '[]', 400],
    ['too many bytes', JSON.stringify('x'.repeat(5_000)), 413],
  ])('with a body of %s is refused', async (_, body, status) => {
    const http = await serve(() => tell(summary))
    expect((await post(http, {}, body)).status).toBe(status)
  })
})
