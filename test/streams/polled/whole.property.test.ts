import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Update } from '../../../src/market/tick.ts'
import { PolledWorld, type Step, schedule } from './schedule.ts'

/** What was shown, what a client got who came back each time, and what is stored, are one stream. */
async function expectWhole(steps: readonly Step[], ids: 'rising' | 'given', hasSpool: boolean): Promise<void> {
  const world = new PolledWorld(ids, hasSpool)
  for (const step of steps) await world.take(step)
  await world.end()
  const { published, seen, stored, told, refused, ends } = world
  const brief = ({ id, price }: Update) => `${id} ${price}`
  const got = new Set(seen.map(brief))
  expect(seen.map(({ id }) => id)).toEqual([...new Set(seen.map(({ id }) => id))].sort((a, b) => a - b))
  for (const [index, { prev }] of seen.entries()) if (index > 0) expect(prev).toBe(seen[index - 1]!.id)
  expect(published.map(({ id }) => id)).toEqual([...new Set(published.map(({ id }) => id))].sort((a, b) => a - b))
  expect(published.filter((update) => !got.has(brief(update)))).toEqual([])
  expect(seen.filter((update) => !new Set(stored.map(brief)).has(brief(update)))).toEqual([])
  // What is stored and was not shown was in the source's past, and late.
  expect(stored.filter((update) => !got.has(brief(update)) && !update.backfilled)).toEqual([])
  // A life that ends may take along what it has polled and not stored: no more than one poll.
  expect(stored.length).toBeGreaterThanOrEqual(told - refused - 3 * ends)
}

/** A late tick is all that waits on disk at a start: it does not tell where the stream stands. */
const LATE_ON_DISK: Step[] = [
  { act: 'poll', count: 1, afterMs: 9 },
  { act: 'turns', count: 1, afterMs: 0 },
  { act: 'away', count: 1, afterMs: 0 },
  { act: 'poll', count: 1, afterMs: -3 },
  { act: 'turns', count: 1, afterMs: 0 },
  { act: 'stop', count: 1, afterMs: 0 },
  { act: 'poll', count: 1, afterMs: 1 },
  { act: 'turns', count: 1, afterMs: 0 },
]

describe('the stream of a polled feed, whatever happens', () => {
  const runs = { numRuns: 150 }

  it('is one, with ids that rise, on a database that comes and goes', async () => {
    await fc.assert(
      fc.asyncProperty(schedule, (steps) => expectWhole(steps, 'rising', false)),
      runs,
    )
  }, 60_000)

  it('is one, with ids that rise, when what a database misses waits on disk', async () => {
    await fc.assert(
      fc.asyncProperty(schedule, (steps) => expectWhole(steps, 'rising', true)),
      runs,
    )
  }, 60_000)

  it('is one, with ids that are given, late ones apart', async () => {
    await fc.assert(
      fc.asyncProperty(schedule, (steps) => expectWhole(steps, 'given', false)),
      runs,
    )
  }, 60_000)

  it('is one, with ids that are given, when what a database misses waits on disk', async () => {
    await fc.assert(
      fc.asyncProperty(schedule, (steps) => expectWhole(steps, 'given', true)),
      { ...runs, examples: [[LATE_ON_DISK]] },
    )
  }, 60_000)
})
