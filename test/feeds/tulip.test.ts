import { expect, test } from 'vitest'
import { createTulipFeed } from '../../examples/feeds/tulip.ts'
import { startTulipServer } from '../examples/tulip-server.ts'
import { describeFeed } from './describe-feed.ts'

const SYMBOLS = [
  { symbol: 'SEMPER', sourceSymbol: 'SEMPER-AUGUSTUS' },
  { symbol: 'VICEROY', sourceSymbol: 'VICEROY' },
  { symbol: 'ROSE', sourceSymbol: 'ROSE' },
]

describeFeed('tulip', async () => {
  const server = await startTulipServer()
  let time = 1_732_250_000_000
  const move = () => {
    time += 1_000
    server.prices.set('SEMPER-AUGUSTUS', { price: 10_000 + (time % 7_000) / 100, time })
    server.prices.set('VICEROY', { price: 2_500 + (time % 9_000) / 100, time })
  }
  move()
  return {
    feed: createTulipFeed({ symbols: SYMBOLS, url: server.url, pollMs: 20 }),
    unknown: 'ROSE',
    move,
    hang() {
      server.mood = 'silent'
    },
    fail() {
      server.mood = 'failing'
    },
    close: server.close,
  }
})

test('a price is told once, over a restart of the feed too', async () => {
  const server = await startTulipServer()
  server.prices.set('VICEROY', { price: 2_500, time: 1_732_250_000_000 })
  const feed = createTulipFeed({ symbols: [SYMBOLS[1]!], url: server.url, pollMs: 5 })
  const { instruments } = await feed.resolve(new AbortController().signal)
  const told: unknown[] = []
  for (const _ of [1, 2]) {
    const stop = new AbortController()
    let polls = 0
    const heard = () => {
      polls += 1
      if (polls === 3) stop.abort()
    }
    for await (const batch of feed.receive(instruments, { connected() {}, heard }, stop.signal)) told.push(...batch)
  }
  expect(told).toHaveLength(1)
  await server.close()
})
