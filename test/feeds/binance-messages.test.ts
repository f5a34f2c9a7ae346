import { afterEach, beforeEach, expect, test } from 'vitest'
import { createBinanceFeed } from '../../feeds/binance.ts'
import type { Feed, Received } from '../../src/feed.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import { type StreamSource, startStreamSource } from '../fakes/stream-source.ts'
import { watchTimers } from '../fakes/timer-watch.ts'
import { BINANCE_MESSAGES } from '../fixtures/binance/frames.ts'

const RECEIVED = 1_732_250_000_123
const ABORT_MS = 100

const SYMBOLS = [
  { symbol: 'BTC', sourceSymbol: 'BTCUSDT' },
  { symbol: 'PEPE', sourceSymbol: 'PEPEUSDT' },
]

const INSTRUMENTS: readonly Instrument[] = SYMBOLS.map((mapping) => ({
  ...mapping,
  ...{ assetClass: 'crypto', source: 'binance', priceDigits: 8, sizeDigits: 8 },
}))

let source: StreamSource
let feed: Feed<string>
let peer: ReturnType<StreamSource['nextPeer']>
beforeEach(async () => {
  source = await startStreamSource()
  feed = createBinanceFeed({ symbols: SYMBOLS, streamUrl: source.url, restUrl: 'http://127.0.0.1:1' })
  peer = source.nextPeer()
})
afterEach(() => source.close())

const say = (text: string) => void peer.then(({ send }) => send(text))

test.each(BINANCE_MESSAGES)('reads $name', ({ text, ticks }) => {
  expect(feed.normalize(text, RECEIVED)).toHaveLength(ticks)
})

test('receives each message as it was said, and leaves no socket when the loop is left', async () => {
  const heard: Received<string>[] = []
  const { iterable, connected } = listen()
  const reading = (async () => {
    for await (const batch of iterable) {
      heard.push(...batch)
      if (heard.length >= BINANCE_MESSAGES.length) break
    }
  })()
  await connected
  for (const { text } of BINANCE_MESSAGES) say(text)
  await reading
  expect(heard.map(({ raw }) => raw)).toEqual(BINANCE_MESSAGES.map(({ text }) => text))
  await expect.poll(() => source.connections()).toBe(0)
})

test('leaves no socket and no timer after an abort in silence', async () => {
  const timers = watchTimers()
  const { iterable, connected, abort } = listen()
  const reading = drain(iterable)
  await connected
  const start = performance.now()
  abort()
  await reading
  expect(performance.now() - start).toBeLessThan(ABORT_MS)
  expect(await timers.left()).toBe(0)
  await expect.poll(() => source.connections()).toBe(0)
})

test('leaves no socket when an abort finds the reader at work', async () => {
  const { iterable, connected, abort } = listen()
  const iterator = iterable[Symbol.asyncIterator]()
  const first = iterator.next()
  await connected
  say(BINANCE_MESSAGES[0].text)
  await first
  abort()
  await expect.poll(() => source.connections()).toBe(0)
  expect(await iterator.next()).toEqual({ done: true, value: undefined })
})

test('connects to nothing when the abort came first', async () => {
  const { iterable, abort } = listen()
  abort()
  await drain(iterable)
  expect(source.connections()).toBe(0)
})

function listen() {
  const controller = new AbortController()
  let isConnected = () => {}
  const connected = new Promise<void>((resolve) => {
    isConnected = resolve
  })
  const events = { connected: () => isConnected() }
  const iterable = feed.receive(INSTRUMENTS, events, controller.signal)
  return { iterable, connected, abort: () => controller.abort() }
}

async function drain(iterable: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of iterable);
}
