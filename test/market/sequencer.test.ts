import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Hole, MAX_HELD_TICKS, Sequencer } from '../../src/market/sequencer.ts'
import type { Tick, Update } from '../../src/market/tick.ts'

const tick = (id: number, symbol = 'BTC'): Tick => ({
  ...{ symbol, id, price: 1, size: 1, side: 'buy', trades: 1, time: id, received: id },
})

function sequencerWithLog(contiguousIds = true) {
  const passed: Update[] = []
  const holes: Hole[] = []
  const leftOut: Hole[] = []
  const doubles: number[] = []
  const full: string[] = []
  let clock = 0
  const sequencer = new Sequencer(contiguousIds, {
    pass: (update) => passed.push(update),
    onHole: (hole) => holes.push(hole),
    onLeftOut: (hole) => leftOut.push(hole),
    onDouble: ({ id }) => doubles.push(id),
    onFull: (symbol) => full.push(symbol),
    now: () => clock++,
  })
  const start = (last: number | null) => {
    sequencer.start('BTC', last)
    sequencer.release('BTC')
  }
  return { sequencer, passed, holes, leftOut, doubles, full, start, ids: () => passed.map(({ id }) => id) }
}

describe('the sequencer', () => {
  it('links every tick to the one before it', () => {
    const { sequencer, passed, start } = sequencerWithLog()
    start(null)
    for (const id of [7, 8, 9]) sequencer.accept(tick(id))
    expect(passed.map(({ id, prev }) => [prev, id])).toEqual([
      [null, 7],
      [7, 8],
      [8, 9],
    ])
  })

  it('holds a symbol back until it is known where its stream stands', () => {
    const { sequencer, ids, doubles } = sequencerWithLog()
    for (const id of [6, 5, 7]) sequencer.accept(tick(id))
    expect(ids()).toEqual([])
    sequencer.start('BTC', 5)
    expect(sequencer.release('BTC')).toBe(true)
    expect(ids()).toEqual([6, 7])
    expect(doubles).toEqual([5])
  })

  it('a jump holds later ticks of that symbol only, until the hole is filled', () => {
    const { sequencer, passed, holes, ids, start } = sequencerWithLog()
    start(1)
    sequencer.start('ETH', 100)
    sequencer.release('ETH')
    for (const id of [2, 5, 6]) sequencer.accept(tick(id))
    sequencer.accept(tick(101, 'ETH'))
    expect(holes).toEqual([{ symbol: 'BTC', from: 3, to: 4 }])
    expect(ids()).toEqual([2, 101])
    for (const id of [3, 4, 5]) sequencer.fill(tick(id))
    expect(sequencer.release('BTC')).toBe(true)
    expect(passed.filter(({ symbol }) => symbol === 'BTC').map(({ id, backfilled }) => [id, backfilled])).toEqual([
      [2, false],
      [3, true],
      [4, true],
      [5, false],
      [6, false],
    ])
  })

  it('ids that the source leaves out are told before the tick that follows', () => {
    const { sequencer, leftOut, ids } = sequencerWithLog()
    sequencer.start('BTC', 1)
    for (const id of [2, 5]) sequencer.fill(tick(id))
    expect(leftOut).toEqual([{ symbol: 'BTC', from: 3, to: 4 }])
    expect(ids()).toEqual([2, 5])
  })

  it('a hole that is given up is jumped over once, and its bounds are told', () => {
    const { sequencer, passed, start } = sequencerWithLog()
    start(1)
    sequencer.accept(tick(4))
    expect(sequencer.skip('BTC')).toEqual({ symbol: 'BTC', from: 2, to: 3 })
    expect(sequencer.release('BTC')).toBe(true)
    expect(passed.map(({ prev, id }) => [prev, id])).toEqual([[1, 4]])
  })

  it('says since when the first tick waits, and says so when as many wait as may', () => {
    const { sequencer, full, start } = sequencerWithLog()
    start(0)
    sequencer.accept(tick(1))
    expect(sequencer.position('BTC').since).toBeUndefined()
    sequencer.accept(tick(3))
    sequencer.accept(tick(5))
    expect(sequencer.position('BTC').since).toBe(0)
    sequencer.fill(tick(2))
    expect(sequencer.release('BTC')).toBe(false)
    expect(sequencer.position('BTC')).toEqual({ last: 3, waiting: 5, since: 1 })
    for (let id = 6; id < MAX_HELD_TICKS + 5; id++) sequencer.accept(tick(id))
    expect(full).toEqual(['BTC'])
  })

  it('past its bound the oldest waiting ticks leave, to be read again with the hole before them', () => {
    const { sequencer, ids, start } = sequencerWithLog()
    start(0)
    for (let id = 2; id < MAX_HELD_TICKS + 10; id++) sequencer.accept(tick(id))
    const { last, waiting } = sequencer.position('BTC')
    expect(waiting).toBeGreaterThan(MAX_HELD_TICKS / 2)
    for (let id = last! + 1; id < waiting!; id++) sequencer.fill(tick(id))
    expect(sequencer.release('BTC')).toBe(true)
    expect(ids()).toEqual(Array.from({ length: MAX_HELD_TICKS + 9 }, (_, index) => index + 1))
  })

  it('where ids only rise, a jump is no hole', () => {
    const { sequencer, ids, holes, start } = sequencerWithLog(false)
    start(null)
    for (const id of [1, 50, 40, 60]) sequencer.accept(tick(id))
    expect(ids()).toEqual([1, 50, 60])
    expect(holes).toEqual([])
  })

  it('whatever is lost, doubled or swapped on the way, filling makes every tick come once and in order', () => {
    const arrival = fc.array(fc.record({ id: fc.integer({ min: 1, max: 60 }), fillNow: fc.boolean() }), {
      maxLength: 150,
    })
    fc.assert(
      fc.property(arrival, (steps) => {
        const { sequencer, passed, ids, start } = sequencerWithLog()
        start(0)
        const fillUp = () => {
          do {
            const { last, waiting } = sequencer.position('BTC')
            for (let id = (last ?? 0) + 1; id < (waiting ?? 0); id++) sequencer.fill(tick(id))
          } while (!sequencer.release('BTC'))
        }
        for (const { id, fillNow } of steps) {
          sequencer.accept(tick(id))
          if (fillNow) fillUp()
        }
        fillUp()
        const newest = Math.max(0, ...steps.map(({ id }) => id))
        expect(ids()).toEqual(Array.from({ length: newest }, (_, index) => index + 1))
        for (const { id, prev } of passed) expect(prev).toBe(id - 1)
      }),
      { numRuns: 300 },
    )
  })
})
