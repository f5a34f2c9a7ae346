import { setImmediate as nextTurn, setTimeout as pass } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isGatewayError } from '../../../src/base/errors.ts'
import { reach, readPage } from '../../../src/hub/ticks/reach.ts'
import type { Cursor, Update } from '../../../src/market/tick.ts'
import { MemoryStream } from '../../../src/tiers/memory/memory.ts'
import { SpoolingDatabase } from '../../../src/tiers/outage/spooling-database.ts'
import { FickleDatabase } from '../../fakes/fickle-database.ts'
import { createLogRecorder } from '../../fakes/log-recorder.ts'
import { MemorySpool } from '../../fakes/memory-spool.ts'
import { BTC, ticks, update } from '../fixtures.ts'

/** What happens while readers read; each step is followed by as many turns. */
const step = fc.record({
  what: fc.constantFrom('trade', 'trade', 'trade', 'pass', 'leave', 'return', 'lose an answer', 'hang', 'answer'),
  turns: fc.nat({ max: 9 }),
})

/** How many turns each call of a tier takes. */
const paces = fc.array(fc.constantFrom(0, 0, 0, 1, 2, 5), { minLength: 1, maxLength: 40 })

const NO_END = new AbortController().signal

it('a reader gets every tick once and in order, wherever the ticks are and move to meanwhile', async () => {
  const plays = fc.asyncProperty(fc.array(step, { maxLength: 40 }), paces, fc.nat({ max: 5 }), play)
  await fc.assert(plays, { numRuns: 300 })
})

async function play(steps: readonly { what: string; turns: number }[], pattern: readonly number[], tail: number) {
  const database = new FickleDatabase()
  const spool = new MemorySpool()
  let calls = 0
  database.pace = spool.pace = async () => {
    for (let left = pattern[calls++ % pattern.length]!; left > 0; left--) await nextTurn()
  }
  const retry = { firstMs: 0, maxMs: 0 }
  const spooling = new SpoolingDatabase({ database, spool, log: createLogRecorder(), retry, commitWithinMs: 2 })
  const stream = new MemoryStream(BTC, { candles: 10, ticks: tail })
  const writer = startWriter(spooling, stream)
  const readers = [3, 7, 20].map((back) =>
    startReader([back, ...pattern.map((turns) => turns * back)], stream, spooling),
  )
  let id = 0
  for (const { what, turns } of steps) {
    if (what === 'trade') {
      for (let count = 0; count < 3; count++) {
        const tick = update(++id, { prev: id === 1 ? null : id - 1 })
        stream.append(tick)
        writer.add(tick)
      }
    }
    if (what === 'leave') database.isAway = true
    if (what === 'return') database.isAway = false
    if (what === 'lose an answer') database.losesAnswer = true
    if (what === 'hang') database.hang()
    if (what === 'answer') database.answer()
    if (what === 'pass') await pass(2)
    for (let turn = 0; turn < turns; turn++) await nextTurn()
  }
  database.isAway = false
  database.answer()
  await writer.end()
  while (!spool.isEmpty) await nextTurn()
  await Promise.all(readers.map((reader) => reader.end()))
  expect(database.stored.ticks.map((tick) => tick.id)).toEqual(idsThrough(id))
  await spooling.close()
}

/** One batch after the other, as the queue before the database has it. */
function startWriter(database: SpoolingDatabase, stream: MemoryStream) {
  let waiting: Update[] = []
  let ended = false
  const work = (async () => {
    while (!ended || waiting.length > 0) {
      const batch = waiting
      waiting = []
      if (batch.length > 0) await database.write(ticks(BTC, ...batch))
      if (batch.length > 0) stream.durable(batch.at(-1)!.id)
      await nextTurn()
    }
  })()
  return {
    add: (tick: Update) => waiting.push(tick),
    end() {
      ended = true
      return work
    },
  }
}

/** Walks again and again from somewhere to the newest tick, as clients that resume do: the tail, else what is stored. */
function startReader(picks: readonly number[], stream: MemoryStream, database: SpoolingDatabase) {
  let walks = 0
  let ended = false
  const ports = {
    view: () => stream,
    ticksAfter: (after: Cursor, limit: number) => database.ticksAfter(BTC, after, limit),
    signal: NO_END,
  }
  const readOnce = async (position: Cursor) => {
    const page = reach(stream, position, 2) ?? (await readPage(position, ports, 2)).page
    let last = position
    for (const { id, prev } of page) {
      if (id !== last + 1 || prev !== (last === 0 ? null : last))
        throw new Error(`${id} with prev ${prev} after ${last}`)
      last = id
    }
    return last
  }
  const walk = async () => {
    const end = stream.cursor ?? 0
    let position = Math.max(0, end - picks[walks++ % picks.length]!)
    while (position < end) {
      try {
        position = await readOnce(position)
      } catch (error) {
        // The database is away: it is asked again, as a client does.
        if (!isGatewayError(error, 'tier_unavailable')) throw error
        if (ended) return
      }
      await nextTurn()
    }
  }
  const work = (async () => {
    for (; !ended; await nextTurn()) await walk()
    await walk()
  })()
  return {
    end() {
      ended = true
      return work
    },
  }
}

function idsThrough(last: Cursor): readonly Cursor[] {
  return Array.from({ length: last }, (_, index) => index + 1)
}
