import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { BinanceConnection } from '../../feeds/binance-connection.ts'
import type { BinanceSocketHandlers } from '../../feeds/binance-socket.ts'
import { GatewayError } from '../../src/base/errors.ts'

const TIMES = { rotateMs: 1_000, rotateSpreadMs: 200, overlapMs: 100, replace: { firstMs: 2, maxMs: 10 } }

/** A trade is at most this long on its way. */
const MOST_LAG_MS = 90

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('no trade is missed without a word, whatever becomes of the sockets', async () => {
  const act = fc.constantFrom('ready', 'ready', 'ready', 'shutdown', 'cut newest', 'cut oldest')
  const wait = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 15 }) }, fc.integer({ min: 90, max: 250 }))
  const acts = fc.array(fc.tuple(wait, act, fc.nat(MOST_LAG_MS)), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(acts, async (script) => {
      const source = createSource()
      for (const [waitMs, name, lagMs] of script) {
        await source.pass(waitMs)
        expect(source.missed()).toEqual([])
        source.act(name, lagMs)
      }
      // Everything on its way comes.
      await source.pass(2 * MOST_LAG_MS)
      expect(source.missed()).toEqual([])
      expect(source.open()).toBeLessThanOrEqual(3)
      expect(source.overlaps).toEqual(source.overlaps.map((_, n) => n % 2 === 0))
      source.connection.close()
      expect(source.open()).toBe(0)
      await vi.advanceTimersByTimeAsync(MOST_LAG_MS)
      expect(vi.getTimerCount()).toBe(0)
    }),
    { numRuns: 150 },
  )
})

test('overlaps are told in turn, and end with the connection’s last predecessor', async () => {
  const source = createSource()
  await source.pass(1)
  source.act('ready', 0)
  for (let n = 0; n < 3; n++) {
    source.act('shutdown', 0)
    await source.pass(20)
    source.act('ready', 0)
    await source.pass(20)
  }
  await source.pass(100)
  expect(source.overlaps).toEqual([true, false])
  expect([source.open(), source.connects()]).toEqual([1, 1])
  source.connection.close()
})

test('a cut beside the successor is told: what was on its way is lost', async () => {
  const source = createSource()
  await source.pass(1)
  source.act('ready', 0)
  for (const lagMs of [80, 0]) {
    source.act('shutdown', lagMs)
    await source.pass(20)
    source.act('ready', 0)
    // Of the two that are read now, the old one brings its trades late.
    if (lagMs > 0) await source.pass(120)
  }
  await source.pass(10)
  source.act('cut oldest', 0)
  await source.pass(200)
  expect([source.missed(), source.connects(), source.overlaps.at(-1)]).toEqual([[], 2, false])
  source.connection.close()
})

interface FakeSocket {
  readonly handlers: BinanceSocketHandlers
  readonly lagMs: number
  isReady: boolean
  isOpen: boolean
}

/** Makes one trade a millisecond, and brings each to every ready socket after that socket's lag. */
function createSource() {
  const sockets: FakeSocket[] = []
  const heard = new Set<number>()
  const overlaps: boolean[] = []
  let trade = 0
  let connects = 0
  let lag = 0
  let isWhole = false
  /** From here on every trade has to come. */
  let promisedFrom = Number.POSITIVE_INFINITY
  const end = (socket: FakeSocket) => () => {
    socket.isOpen = false
  }
  const open = (handlers: BinanceSocketHandlers) => {
    const socket: FakeSocket = { handlers, lagMs: lag, isReady: false, isOpen: true }
    sockets.push(socket)
    return { close: end(socket), leave: end(socket) }
  }
  const connection = new BinanceConnection(
    { open, turn: (signal) => Promise.resolve(!signal.aborted), times: TIMES },
    {
      ready() {
        connects++
        isWhole = true
        promisedFrom = trade + 1
      },
      lost() {
        isWhole = false
      },
      overlapping: (isOverlapping) => void overlaps.push(isOverlapping),
      heard: () => {},
      message: (text) => void heard.add(Number(text)),
      failed() {
        isWhole = false
      },
    },
  )
  const opened = () => sockets.filter(({ isOpen }) => isOpen)
  // The only one is not cut: that ends the connection, and there would be nothing more to see.
  const cut = (socket: FakeSocket | undefined) => {
    if (socket === undefined || opened().length === 1) return
    socket.isOpen = false
    socket.handlers.failed(new GatewayError('feed_broken', 'cut'))
  }
  return {
    connection,
    overlaps,
    connects: () => connects,
    open: () => opened().length,
    act(name: string, lagMs: number) {
      lag = lagMs
      const waiting = opened().find(({ isReady }) => !isReady)
      if (name === 'ready' && waiting !== undefined) {
        waiting.isReady = true
        waiting.handlers.ready()
      } else if (name === 'cut newest') cut(opened().at(-1))
      else if (name === 'cut oldest') cut(opened()[0])
      else if (name === 'shutdown') opened()[0]?.handlers.leaving()
    },
    async pass(ms: number) {
      for (let n = 0; n < ms; n++) {
        const id = ++trade
        for (const socket of opened().filter(({ isReady }) => isReady)) {
          const arrive = () => socket.isOpen && socket.handlers.message(String(id))
          if (socket.lagMs === 0) arrive()
          else setTimeout(arrive, socket.lagMs)
        }
        await vi.advanceTimersByTimeAsync(1)
      }
    },
    /** Trades that had to come and did not, those on their way left out. */
    missed() {
      if (!isWhole) return []
      const missed: number[] = []
      for (let id = promisedFrom; id < trade - MOST_LAG_MS; id++) if (!heard.has(id)) missed.push(id)
      return missed
    },
  }
}
