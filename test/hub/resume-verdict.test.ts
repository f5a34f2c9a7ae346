import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StreamGap } from '../../src/hub/source.ts'
import { Crossing } from '../../src/hub/ticks/crossing.ts'
import { follow, type JoinPorts } from '../../src/hub/ticks/join.ts'
import { openAfter } from '../../src/hub/ticks/opening.ts'
import { type Part, rowsOf } from '../../src/hub/ticks/part.ts'
import { TickPages } from '../../src/hub/ticks/tick-pages.ts'
import type { Cursor, Update } from '../../src/market/tick.ts'
import { MemoryStream } from '../../src/tiers/memory/memory.ts'
import { BTC } from '../fakes/exchange-feed.ts'

const NOON = Date.UTC(2026, 10, 18, 12)

function tick(id: number, prev: number | null): Update {
  const times = { time: NOON + id, received: NOON + id }
  return { symbol: 'BTC', id, prev, price: 1, size: 1, side: 'buy', trades: 1, ...times, backfilled: false }
}

/** Ticks with these ids, in a row. */
function row(ids: readonly number[]): readonly Update[] {
  return ids.map((id, index) => tick(id, ids[index - 1] ?? null))
}

/** A gateway that stored `stored`, remembers the last `restored` of it, and went on with `live`. */
function startAgain({ stored = [], restored = 0, live = [] }: Gateway): Started {
  const memory = new MemoryStream(BTC, { candles: 10, ticks: 5 })
  const all = row([...stored, ...live])
  const rows = all.slice(0, stored.length)
  memory.restore(rows.slice(stored.length - restored))
  for (const update of all.slice(stored.length)) memory.append(update)
  memory.live = true
  return { memory, rows }
}

interface Started {
  readonly memory: MemoryStream
  readonly rows: readonly Update[]
}

interface Gateway {
  readonly stored?: readonly number[]
  readonly restored?: number
  readonly live?: readonly number[]
}

/** What a client that resumes after `after` is told, and all the rows it gets. */
async function resume(after: Cursor, { memory, rows }: Started) {
  const parts: Part[] = []
  const gaps: StreamGap[] = []
  const ports: JoinPorts = {
    view: () => memory,
    ticksAfter: async (position, limit) => rows.filter(({ id }) => id > position).slice(0, limit),
    ticksBefore: async () => [],
    room: () => undefined,
    part: (part) => parts.push(part),
    cross: (gap) => gaps.push(gap),
    crossing: new Crossing(),
    pages: new TickPages({ pageTicks: 7, maxTicks: 20 }),
    live: () => undefined,
    signal: new AbortController().signal,
  }
  const { opening, resume: verdict } = await openAfter(after, ports, 0)
  await follow(opening, ports)
  const got = parts.flatMap(rowsOf)
  return { verdict, got, gaps, ids: got.map(({ id }) => id), truncated: parts.some((part) => part.truncated) }
}

it('waits for the first tick of a stream that runs live without one: an earlier process may have sent the id', async () => {
  await expect(resume(140, startAgain({}))).rejects.toMatchObject({ code: 'unavailable' })
  await expect(resume(140, startAgain({ live: [139] }))).rejects.toMatchObject({ code: 'bad_parameter' })
})

describe('a resume over a hole that was filled in later', () => {
  /** The stream went on from 140 at 600; `filled` were found since, and 600 and 601 are not stored yet. */
  const startFilled = (filled: readonly number[]) => {
    const gateway = startAgain({ stored: [139, 140], restored: 2, live: [600, 601] })
    gateway.memory.cutTail(599)
    return { ...gateway, rows: row([139, 140, ...filled]) }
  }

  it('sends what was filled in, once, and then what memory has', async () => {
    const { verdict, got, truncated } = await resume(140, startFilled([598, 599]))
    expect({ verdict, truncated }).toEqual({ verdict: { state: 'complete' }, truncated: false })
    expect(got.map(({ id, prev }) => [id, prev])).toEqual([
      [598, 140],
      [599, 598],
      [600, 599],
      [601, 600],
    ])
  })

  it('ends also where the end of the hole was not found, or nothing of it is stored any more', async () => {
    expect((await resume(140, startFilled([141, 142]))).ids).toEqual([141, 142, 600, 601])
    expect((await resume(140, startFilled([]))).ids).toEqual([600, 601])
  })
})

describe('the verdict on a resume', () => {
  it('is truncated for a client that had more than was stored before a kill, when too much was missed since', async () => {
    const gateway = startAgain({ stored: [139, 140], restored: 2, live: [600, 601] })
    const { verdict, ids, truncated } = await resume(150, gateway)
    expect(verdict).toEqual({ state: 'truncated', oldest: 600 })
    expect({ ids, truncated }).toEqual({ ids: [600, 601], truncated: true })
  })

  it('is complete for such a client if what was missed is a hole that it is told', async () => {
    const gateway = startAgain({ stored: [139, 140], restored: 2, live: [600, 601] })
    gateway.memory.sayGap({ from: 141, to: 599, status: 'open', reason: 'away' })
    const { verdict, got, gaps, truncated } = await resume(150, gateway)
    expect({ verdict, truncated }).toEqual({ verdict: { state: 'complete' }, truncated: false })
    expect(gaps).toMatchObject([{ from: 141, to: 599 }])
    expect(got).toMatchObject([{ id: 600, prev: 150 }, { id: 601 }])
  })

  it('is truncated if the hole does not reach to where the stream goes on', async () => {
    const gateway = startAgain({ stored: [139, 140], restored: 2, live: [600, 601] })
    gateway.memory.sayGap({ from: 141, to: 598, status: 'open', reason: 'away' })
    expect(await resume(150, gateway)).toMatchObject({ verdict: { state: 'truncated', oldest: 600 }, truncated: true })
  })

  it('is complete where the source goes on with the very next number, and the chain has no break', async () => {
    const gateway = startAgain({ stored: [139, 140], restored: 2, live: [151, 152] })
    const { verdict, got, truncated } = await resume(150, gateway)
    expect(verdict).toEqual({ state: 'complete' })
    expect(truncated).toBe(false)
    expect(got).toMatchObject([
      { id: 151, prev: 150 },
      { id: 152, prev: 151 },
    ])
  })

  it.each([
    ['older than the first tick that there is', 50, 1_000],
    ['between two ids of a source whose ids jump', 3_000, 5_000],
  ])('is truncated after an id that is %s', async (_, after, oldest) => {
    const stored = [1_000, 5_000, 9_000]
    for (const gateway of [{ stored, restored: 3 }, { stored, restored: 1 }, { live: stored }]) {
      const { verdict, ids } = await resume(after, startAgain(gateway))
      expect(verdict).toEqual({ state: 'truncated', oldest })
      expect(ids).toEqual(stored.filter((id) => id > after))
    }
  })

  it('is complete after an id of a source whose ids jump', async () => {
    const { verdict, ids } = await resume(1_000, startAgain({ stored: [1_000, 5_000], restored: 1, live: [9_000] }))
    expect({ verdict, ids }).toEqual({ verdict: { state: 'complete' }, ids: [5_000, 9_000] })
  })

  it('is complete before the first tick only if nothing fits between', async () => {
    const gateway = startAgain({ live: [1, 2] })
    expect(await resume(0, gateway)).toMatchObject({ verdict: { state: 'complete' }, got: [{ id: 1, prev: 0 }, {}] })
  })

  it('is complete exactly if no id fits between the client and its first row, wherever the stream has holes', async () => {
    const steps = fc.array(fc.constantFrom(1, 1, 2, 40), { minLength: 2, maxLength: 30 })
    const property = fc.asyncProperty(steps, fc.nat(), fc.nat(), fc.nat(), async (jumps, cut, kept, from) => {
      const all = jumps.map((_, index) => 100 + jumps.slice(0, index).reduce((sum, jump) => sum + jump, 0))
      const stored = all.slice(0, 1 + (cut % all.length))
      const restored = 1 + (kept % stored.length)
      const gateway = startAgain({ stored, restored, live: all.slice(stored.length) })
      const after = 95 + (from % (all.at(-1)! - 94))
      const { verdict, got, ids, truncated } = await resume(after, gateway)
      const missed = all.filter((id) => id > after)
      expect(ids).toEqual(missed)
      const known = all.includes(after) || after + 1 === missed[0]
      expect(verdict).toEqual(known ? { state: 'complete' } : { state: 'truncated', oldest: missed[0] })
      expect(truncated).toBe(!known)
      if (known && got[0]) expect(got[0].prev).toBe(after)
    })
    await fc.assert(property, { numRuns: 300 })
  })
})
