import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Program } from '../fakes/program.ts'
import { freePort } from '../servers/launch.ts'

const open: (() => unknown)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tickgate demo '))
  open.push(() => rm(directory, { recursive: true, force: true }))
  return directory
}

function start(words: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): Program {
  const program = new Program(words, env, cwd)
  open.push(() => program.kill())
  return program
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

/** Waits until every source is live and has a price for each of its symbols: on a new database that takes a while. */
async function stocksAndSeries(url: string): Promise<{ readonly stock: number; readonly observations: number }> {
  const ask = async (path: string) => (await fetch(`${url}/api/v1/${path}`)).json()
  const priced = async () => {
    const { instruments } = await ask('instruments')
    return instruments.filter(({ price }: { price?: number }) => price !== undefined).length
  }
  await expect.poll(priced, { timeout: 60_000 }).toBe(15)
  const states = async () => {
    const { feeds } = await ask('feeds')
    return feeds.map(({ feed, state }: Record<string, string>) => [feed, state])
  }
  const live = ['binance', 'yahoo', 'fred'].map((feed) => [feed, 'live'])
  await expect.poll(states, { timeout: 30_000 }).toEqual(live)
  const stock = await ask('price/NVDA')
  expect(stock.market).toMatch(/^(PRE|REGULAR|POST)$/)
  const { observations } = await ask('observations/GDP')
  expect(observations.length).toBeGreaterThan(50)
  return { stock: stock.id, observations: observations.length }
}

describe('the demo', () => {
  it('shows where to look, brings ticks, goes on where it stopped, and leaves nothing behind', async () => {
    const directory = await emptyDirectory()
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const seen: { id: number; prev: number }[] = []
    const known: { stock: number; observations: number }[] = []
    for (const _ of ['first start', 'second start']) {
      const demo = start(['demo', '--port', String(port), '--rate', '500'], directory)
      await demo.until(({ out }) => out.includes('ready after'), 30_000)
      expect(demo.out).toContain(`dashboard   ${url}`)
      expect(demo.out).toContain(`ws://127.0.0.1:${port}/ws?`)
      const tail = start(['tail', 'BTC', '--url', url], directory)
      await tail.until(({ lines }) => lines.length >= 20)
      await tail.kill('SIGINT')
      seen.push(...tail.lines.map((line) => JSON.parse(line)))
      known.push(await stocksAndSeries(url))
      const asked = performance.now()
      demo.child.kill('SIGINT')
      demo.child.kill('SIGINT')
      expect(await demo.ended).toBe(0)
      expect(performance.now() - asked).toBeLessThan(5_000)
      expect(await canConnect(port)).toBe(false)
    }
    expect(seen[20]!.id).toBeGreaterThan(seen[19]!.id)
    expect(known[1]!.stock).toBeGreaterThan(known[0]!.stock)
    expect(known[1]!.observations).toBeGreaterThanOrEqual(known[0]!.observations)
  }, 180_000)

  it('the page is served where it says', async () => {
    const directory = await emptyDirectory()
    const port = await freePort()
    const demo = start(['demo', '--port', String(port)], directory)
    await demo.until(({ out }) => out.includes('ready after'), 30_000)
    const page = await fetch(`http://127.0.0.1:${port}/`)
    expect(page.status).toBe(200)
    expect(await page.text()).toContain('<title>')
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
  }, 60_000)

  it('a taken port is named, and the exit code is 1', async () => {
    const directory = await emptyDirectory()
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    open.push(() => taken.close())
    const address = taken.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const demo = start(['demo', '--port', String(port)], directory)
    expect(await demo.ended).toBe(1)
    expect(demo.err).toContain(`port ${port} on 127.0.0.1 must be free`)
  }, 30_000)

  it('Ctrl-C ends a start that is still on its way', async () => {
    const directory = await emptyDirectory()
    const port = await freePort()
    const demo = start(['demo', '--port', String(port)], directory)
    while (!(await canConnect(port))) await new Promise(setImmediate)
    const asked = performance.now()
    demo.child.kill('SIGINT')
    expect(await demo.ended).toBe(0)
    expect(performance.now() - asked).toBeLessThan(5_000)
  }, 30_000)
})

describe('serve', () => {
  it('says every problem of the configuration at once, and exits with 1', async () => {
    const serve = start(['serve'], await emptyDirectory(), {
      PORT: 'http',
      CRYPTO_SYMBOLS: 'BTC,BTC',
      LOG_LEVEL: 'loud',
    })
    expect(await serve.ended).toBe(1)
    for (const name of ['PORT', 'CRYPTO_SYMBOLS', 'LOG_LEVEL']) expect(serve.err).toContain(name)
    expect(serve.err).not.toContain('at ')
  })

  it('a second gateway on the same directory is refused, and the first one is named', async () => {
    const directory = await emptyDirectory()
    const first = start(['demo', '--port', String(await freePort())], directory)
    await first.until(({ out }) => out.includes('ready after'), 30_000)
    const second = start(['demo', '--port', String(await freePort())], directory)
    expect(await second.ended).toBe(1)
    expect(second.err).toContain(String(first.child.pid))
    const fresh = start(['demo', '--fresh', '--port', String(await freePort())], directory)
    expect(await fresh.ended).toBe(1)
    expect(fresh.err).toContain(String(first.child.pid))
  }, 60_000)
})
