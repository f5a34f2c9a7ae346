import { describe, expect, it, onTestFinished } from 'vitest'
import { GatewayError } from '../src/base/errors.ts'
import { createGate } from '../src/base/gate.ts'
import { type FeedStatus, type SupervisePorts, supervise } from '../src/supervise.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { createLogRecorder } from './fakes/log-recorder.ts'

type Attempt = Parameters<typeof supervise>[1]

/** A supervised feed on a clock that stands; ends with the test. */
function start(attempt: Attempt, ports: Partial<SupervisePorts> = {}) {
  const clock = new FakeClock()
  const told: FeedStatus[] = []
  const log = createLogRecorder()
  const stop = new AbortController()
  const all: SupervisePorts = {
    ...{ log, clock, now: () => clock.now(), backoff: { firstMs: 0, maxMs: 0 } },
    onStatus: (status) => told.push(status),
    ...ports,
  }
  const ended = supervise('binance', attempt, all, stop.signal)
  onTestFinished(() => stop.abort())
  return { clock, told, log, stop, ended, states: () => told.map(({ state }) => state) }
}

/** Resolves when the signal aborts. */
const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))

describe('a supervised feed', () => {
  it('is connecting, then live, then down with the reason, and live again with one restart counted', async () => {
    const lost = createGate()
    const back = createGate()
    let attempts = 0
    const { told, stop, ended } = start(async (connected, signal) => {
      attempts += 1
      connected()
      if (attempts > 1) {
        back.open()
        return untilAborted(signal)
      }
      await lost.opened
      throw new GatewayError('feed_broken', 'the line is cut')
    })
    lost.open()
    await back.opened
    expect(told.map(({ state, reason, restarts }) => [state, reason, restarts])).toEqual([
      ['connecting', undefined, 0],
      ['live', undefined, 0],
      ['down', 'the line is cut', 1],
      ['live', undefined, 1],
    ])
    stop.abort()
    await ended
  })

  it('is off when its source refuses, says why, and is not tried again', async () => {
    let attempts = 0
    const { told, ended } = start(async () => {
      attempts += 1
      throw new GatewayError('feed_refused', 'the key must be valid, was refused')
    })
    await ended
    expect([attempts, told.at(-1)]).toMatchObject([1, { state: 'off', reason: 'the key must be valid, was refused' }])
  })

  it('has been down since the first of several failures, whose newest reason it has', async () => {
    const reasons = ['one', 'two', 'three']
    let time = 0
    const { told, ended } = start(
      async () => {
        time += 1_000
        const [reason] = reasons.splice(0, 1)
        throw new GatewayError(reason === undefined ? 'feed_refused' : 'feed_broken', reason ?? 'enough')
      },
      { now: () => time },
    )
    await ended
    expect(told.filter(({ state }) => state === 'down').map(({ since, reason }) => [since, reason])).toEqual([
      [1_000, 'one'],
      [1_000, 'two'],
      [1_000, 'three'],
    ])
  })

  it('waits as long as the source asks for, and never longer than the backoff where it does not', async () => {
    const waits = async (error: unknown) => {
      const stop = new AbortController()
      const log = createLogRecorder()
      const ports = { log, now: Date.now, backoff: { firstMs: 100, maxMs: 100 }, onStatus: () => undefined }
      const ended = supervise('yahoo', () => Promise.reject(error), ports, stop.signal)
      await expect.poll(() => log.lines.length).toBeGreaterThan(0)
      stop.abort()
      await ended
      return Number(log.lines[0]?.fields.waitMs)
    }
    expect(await waits(new GatewayError('feed_broken', '429', { retryAfterMs: 60_000 }))).toBe(60_000)
    expect(await waits(new GatewayError('feed_broken', '429', { retryAfterMs: 0 }))).toBeLessThanOrEqual(100)
    expect(await waits(new Error('of nobody'))).toBeLessThanOrEqual(100)
  })

  it('goes on when the one who is told of it throws', async () => {
    const again = createGate()
    let attempts = 0
    const { stop, ended } = start(
      async (_, signal) => {
        attempts += 1
        if (attempts < 3) throw new TypeError('undefined is not a function')
        again.open()
        return untilAborted(signal)
      },
      {
        onStatus() {
          throw new Error('of the listener')
        },
      },
    )
    await again.opened
    stop.abort()
    await ended
  })

  it('believes nothing that an attempt says after it has thrown', async () => {
    let sayConnected = () => {}
    const { told, ended } = start(async (connected) => {
      const late = sayConnected
      sayConnected = connected
      if (told.some(({ state }) => state === 'down')) {
        late()
        throw new GatewayError('feed_refused', 'enough')
      }
      throw new GatewayError('feed_broken', 'cut')
    })
    await ended
    expect(told.map(({ state }) => state)).toEqual(['connecting', 'down', 'off'])
  })
})

describe('a connected feed that is not heard', () => {
  function connected(staleAfterMs = 1_000) {
    let heardAt: number | undefined
    let attempts = 0
    const broken = createGate()
    const feed = start(
      async (say, signal) => {
        attempts += 1
        if (attempts > 1) return untilAborted(signal)
        say()
        await broken.opened
        throw new GatewayError('feed_broken', 'silent')
      },
      { silence: { heardAt: () => heardAt, staleAfterMs } },
    )
    return { ...feed, broken, hear: () => (heardAt = feed.clock.now()) }
  }

  it('is stale past its bound, since then, and live as soon as it is heard again', async () => {
    const { clock, told, hear } = connected()
    await clock.advance(900)
    hear()
    await clock.advance(900)
    expect(told.at(-1)?.state).toBe('live')
    await clock.advance(200)
    expect(told.at(-1)).toMatchObject({ state: 'stale', since: 1_900 })
    expect(told.at(-1)?.reason).toBe('its source must be heard every 1 s, was not')
    hear()
    await clock.advance(100)
    expect(told.at(-1)).toMatchObject({ state: 'live', since: 2_100, reason: undefined })
  })

  it('stays live for as long as its source is heard, though no symbol has any news', async () => {
    const { clock, told, hear } = connected()
    for (let poll = 0; poll < 50; poll += 1) {
      hear()
      await clock.advance(900)
    }
    expect(told.map(({ state }) => state)).toEqual(['connecting', 'live'])
  })

  it('is down, not stale, once it is lost, and nobody looks any more', async () => {
    const { clock, told, broken } = connected()
    await clock.advance(1_100)
    broken.open()
    await clock.advance(5_000)
    expect(told.map(({ state }) => state)).toEqual(['connecting', 'live', 'stale', 'down'])
  })
})
