import { describe, expect, it } from 'vitest'
import { Cadence, grantInterval } from '../../src/hub/cadence.ts'
import { Flusher } from '../../src/hub/flusher.ts'
import { isLoopbackAddress } from '../../src/hub/origin.ts'
import { TokenBucket } from '../../src/hub/rate.ts'
import { encodeFrame, type Frame } from '../../src/wire/frame.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A client that keeps what is written to it. */
function createClient(flusher: Flusher) {
  let pending: Frame[] = []
  const written: Buffer[] = []
  return {
    written,
    send(frame: Frame) {
      if (pending.length === 0) flusher.add(this)
      pending.push(frame)
    },
    flush(merge: (frames: readonly Frame[]) => Buffer) {
      const frames = pending
      pending = []
      written.push(merge(frames))
      return frames.length
    },
  }
}

describe('Flusher', () => {
  const [a, b] = [encodeFrame('a'), encodeFrame('b')]

  it('writes all frames of a turn at once, as one buffer that clients with the same frames share', async () => {
    const flusher = new Flusher(0)
    const clients = [createClient(flusher), createClient(flusher), createClient(flusher)]
    for (const client of clients) client.send(a)
    for (const client of clients.slice(0, 2)) client.send(b)
    await turn()
    const [first, second, third] = clients.map(({ written }) => written)
    expect(first).toEqual([Buffer.concat([a, b])])
    expect(second![0]).toBe(first![0])
    expect(third![0]).toBe(a)
    expect(flusher.framesSent).toBe(5)
  })

  it('runs what is to be done before the flush once, and writes what it produces in the same turn', async () => {
    const flusher = new Flusher(0)
    const client = createClient(flusher)
    const produce = () => client.send(a)
    flusher.before(produce)
    flusher.before(produce)
    await turn()
    expect(client.written).toEqual([a])
  })
})

describe('Cadence', () => {
  it('runs a drain once per interval, and again only when it is marked again', async () => {
    const cadence = new Cadence(new Flusher(0))
    let runs = 0
    await new Promise<void>((resolve) => {
      const drain = () => {
        runs += 1
        resolve()
      }
      for (let mark = 0; mark < 5; mark += 1) cadence.mark(10, drain)
    })
    await turn()
    expect(runs).toBe(1)
    cadence.close()
  })

  it('grants intervals in steps of 50 ms, up to a minute', () => {
    expect([0, 1, 50, 130, 250, 1e9].map(grantInterval)).toEqual([0, 50, 50, 150, 250, 60_000])
  })
})

describe('TokenBucket', () => {
  it('gives a burst at once and then the rate', () => {
    const bucket = new TokenBucket(10, 3, 0)
    expect([0, 0, 0, 0, 99, 100, 100].map((now) => bucket.take(now))).toEqual([
      true,
      true,
      true,
      false,
      false,
      true,
      false,
    ])
    expect([10_000, 10_000, 10_000, 10_000].map((now) => bucket.take(now))).toEqual([true, true, true, false])
  })
})

describe('isLoopbackAddress', () => {
  it('knows this machine in both families', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'].every(isLoopbackAddress)).toBe(true)
    expect(['10.0.0.1', '::ffff:10.127.0.1', '1127.0.0.1', undefined].some(isLoopbackAddress)).toBe(false)
  })
})
