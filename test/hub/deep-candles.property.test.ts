import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { toOhlcvRow } from '../../src/market/candle.ts'
import { bucketStart } from '../../src/market/timeframe.ts'
import { type DeepClient, DeepPath, WINDOW } from '../fakes/deep-path.ts'

/** What may happen, in any order. Minutes are on from the newest trade, or back from it. */
type Step =
  | { readonly do: 'trade'; readonly on: number; readonly price: number }
  | { readonly do: 'late'; readonly back: number; readonly price: number }
  | { readonly do: 'mend'; readonly back: number }
  | { readonly do: 'watch'; readonly history: number }
  | { readonly do: 'congest' | 'drain'; readonly which: number }
  | { readonly do: 'take' | 'commit' | 'hold' | 'release' | 'turn' }

const price = fc.integer({ min: 90, max: 110 })
const doOnly = <Name extends string>(name: Name) => fc.record({ do: fc.constant(name) })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('trade' as const), on: fc.constantFrom(0, 1, 1, 1, 2, 5), price }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('late' as const), back: fc.integer({ min: 1, max: 14 }), price }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('mend' as const), back: fc.integer({ min: 6, max: 40 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('watch' as const), history: fc.integer({ min: 0, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('congest' as const), which: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drain' as const), which: fc.nat(9) }) },
  { weight: 4, arbitrary: doOnly('take') },
  { weight: 4, arbitrary: doOnly('commit') },
  { weight: 1, arbitrary: doOnly('hold') },
  { weight: 4, arbitrary: doOnly('release') },
  { weight: 6, arbitrary: doOnly('turn') },
)

/** A client with what was true of each candle when it was told. */
interface Reader {
  readonly client: DeepClient
  readonly history: number
  /** By time: how often a candle behind the window was changed since it was told. */
  readonly mended: Set<number>
}

class Run {
  readonly path = new DeepPath()
  readonly readers: Reader[] = []
  #minute = 20
  #tradesInTurn = 0

  constructor() {
    for (let minute = 0; minute <= this.#minute; minute += 1) {
      if (minute % 7 !== 3) this.path.trade(minute)
    }
    this.path.take()
    this.path.commit()
  }

  async take(each: Step): Promise<void> {
    const { path, readers } = this
    const { held } = path.database
    if (each.do === 'trade') {
      this.#minute += each.on
      path.trade(this.#minute, each.price)
      // Frames are made of the window at the end of the turn: a real one does not roll as far as that in one.
      this.#tradesInTurn += 1
      if (this.#tradesInTurn > WINDOW / 2) await this.#turn()
    } else if (each.do === 'late') {
      path.trade(Math.max(0, this.#minute - each.back), each.price)
      await this.#turn()
    } else if (each.do === 'mend') this.#mend(Math.max(0, this.#minute - each.back))
    else if (each.do === 'watch') this.#watch(each.history)
    else if (each.do === 'congest') readers[each.which]?.client.congest()
    else if (each.do === 'drain') readers[each.which]?.client.drain()
    else if (each.do === 'take') path.take()
    else if (each.do === 'commit') path.commit()
    else if (each.do === 'hold') path.database.hold()
    else if (each.do === 'release') held.shift()?.release()
    else await this.#turn()
    // In the microtasks too: a join that waits between its steps, however shortly, meets the next step there.
    await null
  }

  async #turn(): Promise<void> {
    this.#tradesInTurn = 0
    await nextTurn()
  }

  /** Lets everything pass until every client is live. */
  async settle(): Promise<void> {
    this.path.database.hold(false)
    for (let turn = 0; turn < 60; turn += 1) {
      for (const { client } of this.readers) client.drain()
      for (const held of this.path.database.held.splice(0)) held.release()
      this.path.commit()
      await nextTurn()
    }
    for (const { client } of this.readers) {
      await client.started
      expect(client.isJoined).toBe(true)
    }
    this.path.trade(this.#minute)
    await nextTurn()
    await nextTurn()
  }

  #mend(minute: number): void {
    this.path.mend(minute)
    for (const { mended } of this.readers) mended.add(minute * 60_000)
  }

  #watch(history: number): void {
    const client = this.path.watch(history)
    const reader = { client, history, mended: new Set<number>() }
    this.readers.push(reader)
    // A part says what is true in the moment in which it goes out.
    client.onPart = (frame) => {
      if (frame.channel !== 'candles') return
      for (const row of frame.candles) {
        expect(row).toEqual(toOhlcvRow(this.path.truth.get(row[0])!))
        reader.mended.delete(row[0])
      }
      expect(frame.truncated).toBeUndefined()
    }
  }

  check({ client, history, mended }: Reader): void {
    const rows = client.rows()
    const times = rows.map(([time]) => time)
    const known = [...this.path.truth.keys()].sort((a, b) => a - b)
    // Candles that are inserted later come as frames.
    const inserted = new Set(client.frames.flatMap((frame) => (frame.type === 'candle' ? [frame.time] : [])))
    const expected = known.filter((time) => time >= (times[0] ?? Number.POSITIVE_INFINITY))
    const missing = expected.filter((time) => !times.includes(time) && !inserted.has(time) && !mended.has(time))
    expect([times, missing]).toEqual([times.toSorted((a, b) => a - b), []])
    expect(new Set(times).size).toBe(times.length)
    if (history > 0) expect(times.length).toBeGreaterThanOrEqual(Math.min(history, WINDOW))
    this.#checkLive(client, mended)
  }

  /** With every frame applied, a client has what is true now. */
  #checkLive(client: DeepClient, mended: ReadonlySet<number>): void {
    const shown = new Map(client.rows().map((row) => [row[0], row]))
    for (const frame of client.frames) {
      if (frame.type !== 'candle') continue
      expect(frame.time).toBe(bucketStart('1m', frame.time))
      shown.set(frame.time, toOhlcvRow({ ...this.path.truth.get(frame.time)!, ...frame }))
    }
    for (const [time, row] of shown) {
      if (!mended.has(time)) expect(row).toEqual(toOhlcvRow(this.path.truth.get(time)!))
    }
  }
}

it('a deep history joins what is stored and what is live, whatever is traded, written, read and revised meanwhile', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 90 }), async (steps) => {
    const run = new Run()
    for (const each of steps) await run.take(each)
    await run.settle()
    for (const reader of run.readers) run.check(reader)
  })
  await fc.assert(property, { numRuns: 500, endOnFailure: true })
}, 60_000)
