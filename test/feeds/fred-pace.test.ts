import { beforeEach, expect, test } from 'vitest'
import { createPace, type Pace } from '../../feeds/fred-pace.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const SPACING = 550

let clock: FakeClock
let pace: Pace
let turns: string[]
beforeEach(() => {
  clock = new FakeClock()
  pace = createPace(SPACING, clock)
  turns = []
})

/** Who has its turn at once has it when this resolves. */
async function ask(name: string, signal = new AbortController().signal): Promise<void> {
  void pace.turn(signal).then((isTurn) => void turns.push(isTurn ? `${name} at ${clock.now()}` : `${name} left`))
  await clock.advance(0)
}

test('turns come in order, each a spacing after the one before', async () => {
  for (const name of ['a', 'b', 'c']) await ask(name)
  await clock.advance(2_000)
  expect(turns).toEqual(['a at 0', 'b at 550', 'c at 1100'])
})

test('who comes later than that waits no more, and who comes sooner waits for the rest', async () => {
  await ask('a')
  await clock.advance(200)
  await ask('b')
  await clock.advance(1_000)
  await ask('c')
  await clock.advance(0)
  expect(turns).toEqual(['a at 0', 'b at 550', 'c at 1200'])
})

test('who leaves takes no turn, and no timer stays behind', async () => {
  const leaving = new AbortController()
  await ask('a')
  await ask('b', leaving.signal)
  await ask('c')
  await clock.advance(100)
  leaving.abort()
  await clock.advance(600)
  expect(turns).toEqual(['a at 0', 'b left', 'c at 550'])
  const last = new AbortController()
  await ask('d', last.signal)
  last.abort()
  await ask('e', AbortSignal.abort())
  await clock.advance(0)
  expect(turns.slice(3)).toEqual(['d left', 'e left'])
  expect(clock.set).toBe(0)
})
