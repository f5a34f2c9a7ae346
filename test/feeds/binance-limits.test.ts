import { afterEach, describe, expect, test, vi } from 'vitest'
import { createConnectBudget } from '../../feeds/binance-connects.ts'
import { binanceFeed, binanceInstruments, drain, listen, madeUp } from '../fakes/binance-listener.ts'
import { startStreamSource } from '../fakes/stream-source.ts'

const BUDGET = { limit: 5, windowMs: 400 }

describe('connects', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('stay below 300 in any 5 minutes, with a source that closes at once for ever', async () => {
    vi.useFakeTimers()
    const budget = createConnectBudget()
    const stop = new AbortController()
    const times: number[] = []
    const connectForEver = async () => {
      while (await budget.take(stop.signal)) times.push(performance.now())
    }
    // Several sockets share it.
    const connecting = [connectForEver(), connectForEver(), connectForEver()]
    for (let minute = 0; minute < 60; minute++) await vi.advanceTimersByTimeAsync(60_000)
    stop.abort()
    await Promise.all(connecting)
    for (let n = 250; n < times.length; n++) expect(times[n]! - times[n - 250]!).toBeGreaterThanOrEqual(300_000)
    expect(times.length).toBeGreaterThan(250 * 11)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('wait for their turn across restarts of the feed, and do not fail', async () => {
    const times: number[] = []
    const source = await startStreamSource({
      verifyClient(_, answer) {
        times.push(performance.now())
        answer(false, 503)
      },
    })
    const feed = binanceFeed(source.url, { connects: BUDGET })
    const { signal } = new AbortController()
    const began = performance.now()
    while (times.length < 12) {
      const reading = drain(feed.receive(binanceInstruments('BTCUSDT'), { connected() {} }, signal))
      await expect(reading).rejects.toMatchObject({ message: expect.stringContaining('503') })
    }
    // Measured where they arrive, and those may come closer to one another on the way, but none before it was sent.
    for (let n = 5; n < times.length; n++) expect(times[n]! - began).toBeGreaterThan(400 * Math.floor(n / 5))
    await source.close()
  })

  test('that wait are given up by an abort', async () => {
    const source = await startStreamSource()
    const feed = binanceFeed(source.url, { connects: { limit: 1, windowMs: 600_000 } })
    const first = new AbortController()
    await listen(feed, binanceInstruments('BTCUSDT'), first.signal).connected
    first.abort()
    const second = new AbortController()
    const waiting = listen(feed, binanceInstruments('BTCUSDT'), second.signal)
    second.abort()
    await waiting.ended
    await source.close()
  })
})

describe('messages', () => {
  test('are at most 5 a second, however often we are pinged, and the last ping is answered', async () => {
    const source = await startStreamSource()
    const stop = new AbortController()
    const began = performance.now()
    const feed = binanceFeed(source.url, { timeouts: { pingMs: 30 } })
    listen(feed, binanceInstruments(...madeUp(450)), stop.signal)
    const peer = await source.nextPeer()
    const times: number[] = []
    const count = () => void times.push(performance.now())
    const answered = new Promise<void>((resolve) => {
      peer.socket.on('pong', (data) => {
        count()
        if (String(data) === 'last') resolve()
      })
    })
    peer.socket.on('ping', count).on('message', count)
    for (let n = 0; n < 40; n++) peer.socket.ping(String(n))
    for (let id = 1; id <= 3; id++) {
      await peer.nextMessage()
      peer.send({ result: null, id })
      peer.socket.ping('more')
    }
    peer.socket.ping('last')
    await answered
    await expect.poll(() => times.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(10)
    for (const [n, time] of times.entries()) expect(time - began).toBeGreaterThan(n * 200)
    stop.abort()
    await source.close()
  })
})
