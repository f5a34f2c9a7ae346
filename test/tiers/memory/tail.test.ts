import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Update } from '../../../src/market/tick.ts'
import { Tail } from '../../../src/tiers/memory/tail.ts'

const update = (id: number, prev: number | null): Update => ({
  ...{ symbol: 'BTC', id, prev, price: 1, size: 1, side: 'buy', trades: 1, time: id, received: id, backfilled: false },
})

describe('the tail of a stream', () => {
  it('answers from its base on and says when it does not reach back', () => {
    const tail = new Tail(3, 10)
    for (const id of [11, 12]) tail.push(update(id, id - 1))
    expect(tail.after(10, 9)?.map(({ id }) => id)).toEqual([11, 12])
    expect(tail.after(12, 9)).toEqual([])
    expect(tail.after(9, 9)).toBeUndefined()
    expect(tail.after(null, 9)).toBeUndefined()
  })

  it('of a stream that began here, it holds the beginning', () => {
    const tail = new Tail(3, null)
    tail.push(update(7, null))
    expect(tail.after(null, 9)?.map(({ id }) => id)).toEqual([7])
    expect(tail.after(3, 9)?.map(({ id }) => id)).toEqual([7])
  })

  it('keeps what is not yet durable, however much that is', () => {
    const tail = new Tail(3, 0)
    for (let id = 1; id <= 100; id++) tail.push(update(id, id - 1))
    expect(tail.size).toBe(100)
    tail.durable(50)
    expect(tail.size).toBe(50)
    expect(tail.after(49, 1)).toBeUndefined()
    expect(tail.after(50, 1)?.map(({ id }) => id)).toEqual([51])
    tail.durable(100)
    expect(tail.size).toBe(3)
  })

  it('whatever is pushed and made durable, an answer is the stream itself, whole or not at all', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ step: fc.constant('push'), by: fc.integer({ min: 1, max: 5 }) }),
        fc.record({ step: fc.constant('durable'), by: fc.integer({ min: 0, max: 40 }) }),
      ),
      { maxLength: 3_000 },
    )
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 20 }), fc.nat(500), (all, capacity, asked) => {
        const tail = new Tail(capacity, 0)
        const ids: number[] = []
        for (const { step, by } of all) {
          const last = ids.at(-1) ?? 0
          if (step === 'push') tail.push(update(last + by, last))
          if (step === 'push') ids.push(last + by)
          else tail.durable(Math.max(0, last - by))
        }
        const answer = tail.after(asked, 1e9)?.map(({ id }) => id)
        const stream = ids.filter((id) => id > asked)
        expect(answer ?? stream).toEqual(stream)
        expect(tail.newest(5).map(({ id }) => id)).toEqual(
          ids.slice(-Math.min(5, tail.size || 1)).slice(-tail.size || ids.length),
        )
      }),
      { numRuns: 100, seed: 7 },
    )
  })
})
