import { expect, it } from 'vitest'
import { Crossing } from '../../src/hub/ticks/crossing.ts'
import { follow, type JoinPorts } from '../../src/hub/ticks/join.ts'
import { openAfter, openHistory } from '../../src/hub/ticks/opening.ts'
import { type Part, rowsOf } from '../../src/hub/ticks/part.ts'
import { readPage } from '../../src/hub/ticks/reach.ts'
import { TickPages } from '../../src/hub/ticks/tick-pages.ts'
import type { Update } from '../../src/market/tick.ts'
import { MemoryStream } from '../../src/tiers/memory/memory.ts'
import { FakeStream } from '../fakes/fake-source.ts'

/** A gateway that was stopped at tick 149 and started again: memory restored from the newest rows, then live. */
function restart(restored: number, live: number) {
  const origin = new FakeStream('BTC')
  for (let count = 0; count < 50; count += 1) origin.add()
  const stored: Update[] = [...origin.all]
  const memory = new MemoryStream(origin.instrument, { candles: 10, ticks: 5 })
  memory.restore(stored.slice(stored.length - restored))
  for (let count = 0; count < live; count += 1) memory.append(origin.add())
  const parts: Part[] = []
  let isLive = false
  const ports: JoinPorts = {
    view: () => memory,
    ticksAfter: async (after, limit) => stored.filter(({ id }) => id > after).slice(0, limit),
    ticksBefore: async (before, limit) => stored.filter(({ id }) => before === undefined || id < before).slice(-limit),
    room: () => undefined,
    part: (part) => parts.push(part),
    cross: () => undefined,
    crossing: new Crossing(),
    pages: new TickPages({ pageTicks: 7, maxTicks: 20 }),
    live: () => {
      isLive = true
    },
    signal: new AbortController().signal,
  }
  const joined = () => {
    expect(isLive).toBe(true)
    expect(parts.some(({ truncated }) => truncated)).toBe(false)
    expect(parts.at(-1)).toMatchObject({ more: false, cursor: memory.cursor })
    return parts.flatMap((part) => rowsOf(part).map(({ id }) => id))
  }
  return { origin, ports, joined }
}

it.each([
  { restored: 20, live: 0 },
  { restored: 20, live: 12 },
  { restored: 3, live: 2 },
  { restored: 1, live: 0 },
])(
  'history and resume over the memory tier are whole after a restart: $restored restored, $live live',
  async (case_) => {
    for (const wanted of [1, 5, 6, 20, 40, 1_000]) {
      const { origin, ports, joined } = restart(case_.restored, case_.live)
      await follow(await openHistory(wanted, ports), ports)
      expect(joined()).toEqual(origin.all.slice(-wanted).map(({ id }) => id))
    }
    for (const after of [100, 129, 130, 146, 149]) {
      const { origin, ports, joined } = restart(case_.restored, case_.live)
      const { opening, resume } = await openAfter(after, ports, 0)
      await follow(opening, ports)
      expect(resume).toEqual({ state: 'complete' })
      expect(joined()).toEqual(origin.all.filter(({ id }) => id > after).map(({ id }) => id))
    }
  },
)

it('does not believe an empty tail that there is nothing after an older id', async () => {
  const { origin, ports, joined } = restart(1, 0)
  const view = { ...ports.view(), cursor: 149, live: true, gaps: () => [], tail: () => [], tailAfter: () => [] }
  const emptied: JoinPorts = { ...ports, view: () => view }
  const { opening } = await openAfter(140, emptied, 0)
  await follow(opening, emptied)
  expect(joined()).toEqual(origin.all.slice(41).map(({ id }) => id))
})

it('does not leave out what is filled in while it makes sure that the database has nothing', async () => {
  const { ports } = restart(1, 0)
  const memory = new MemoryStream(ports.view().instrument, { candles: 10, ticks: 1 })
  const tick = ports.view().latest!
  memory.restore([{ ...tick, id: 600, prev: 599 }])
  memory.sayGap({ from: 150, to: 599, status: 'open', reason: 'away' })
  const late: Update[] = []
  let reads = 0
  const ticksAfter = async (after: number) => {
    const answer = late.filter(({ id }) => id > after)
    if (++reads === 2) {
      late.push({ ...tick, id: 150, prev: 149 })
      memory.sayGap({ from: 150, to: 150, status: 'filled', reason: undefined })
    }
    return answer
  }
  const page = await readPage(149, { ...ports, view: () => memory, ticksAfter }, 10)
  expect(page.page.map(({ id }) => id)).toEqual([150])
})
