import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect } from 'vitest'
import { isGatewayError } from '../../../src/base/errors.ts'
import type { Cursor, Tick, Update } from '../../../src/market/tick.ts'
import { SpoolingDatabase } from '../../../src/tiers/outage/spooling-database.ts'
import { FickleDatabase } from '../../fakes/fickle-database.ts'
import { createLogRecorder } from '../../fakes/log-recorder.ts'
import { MemorySpool } from '../../fakes/memory-spool.ts'
import { NVDA, PolledFeed, quote } from '../../fakes/polled-feed.ts'
import { type PolledSide, startPolledSide } from '../../fakes/polled-side.ts'

const ACTS = [
  ...['poll', 'poll', 'poll', 'repeat', 'past', 'back', 'turns'],
  ...['away', 'back', 'loseAnswer', 'refuse', 'fullDisk', 'fail', 'stop', 'crash'],
] as const

export interface Step {
  readonly act: (typeof ACTS)[number]
  /** Ticks of a poll. */
  readonly count: number
  /** Of source's time between ticks: none, or back. */
  readonly afterMs: number
}

export const schedule = fc.array(
  fc.record({
    act: fc.constantFrom(...ACTS),
    count: fc.integer({ min: 1, max: 3 }),
    afterMs: fc.oneof(fc.integer({ min: -3, max: 1 }), fc.integer({ min: 2, max: 2_000 })),
  }),
  { minLength: 1, maxLength: 40 },
)

const REFUSED_PRICE = 13

/** A source, a store and those who watch, through lives of a gateway. */
export class PolledWorld {
  readonly feed: PolledFeed
  readonly database = new FickleDatabase()
  readonly spool: MemorySpool | undefined
  /** What each life has shown. */
  readonly published: Update[] = []
  /** What one client has got, who comes back to each life. */
  readonly seen: Update[] = []
  /** Ticks that the source told, and ends of lives that may have lost some. */
  told = 0
  refused = 0
  ends = 0
  #time = Date.UTC(2026, 10, 18, 17)
  #last: Tick | undefined
  #side: PolledSide
  #own: SpoolingDatabase | FickleDatabase

  constructor(ids: 'rising' | 'given', hasSpool: boolean) {
    this.feed = new PolledFeed(ids)
    this.spool = hasSpool ? new MemorySpool() : undefined
    this.database.stored.refuses = ({ price }) => price === REFUSED_PRICE
    this.#own = this.#open()
    this.#side = this.#start()
  }

  async take({ act, count, afterMs }: Step): Promise<void> {
    if (act === 'poll') this.feed.answer(...this.#ticks(count, afterMs))
    if (act === 'past')
      this.feed.answer(...this.#ticks(count, afterMs).map((tick) => ({ ...tick, isPast: true as const })))
    // What waits on disk is refused when others have seen it: see storeFirst for what can be known before.
    const isRefused = act === 'refuse' && this.spool === undefined
    if (isRefused) this.refused++
    if (isRefused) this.feed.answer({ ...this.#ticks(1, afterMs)[0]!, price: REFUSED_PRICE })
    if (act === 'repeat' && this.#last !== undefined && this.feed.ids === 'rising')
      this.feed.answer({ ...this.#last, size: undefined })
    if (act === 'fail') this.feed.fail()
    if (act === 'away') this.database.isAway = true
    if (act === 'loseAnswer') this.database.losesAnswer = true
    if (act === 'back') this.database.isAway = false
    if (this.spool !== undefined) this.spool.isFull = act === 'fullDisk'
    if (act === 'turns') for (let turn = 0; turn < 20; turn++) await nextTurn()
    if (act === 'stop' || act === 'crash') await this.#restart(act === 'stop')
    await nextTurn()
  }

  /** Everything is back, and all that was told is where it belongs. */
  async end(): Promise<void> {
    this.database.isAway = false
    if (this.spool !== undefined) this.spool.isFull = false
    this.feed.answer(...this.#ticks(1, 1))
    await this.#side.until(() => this.feed.isIdle && this.spool?.isEmpty !== false)
    await this.#restart(true)
    this.feed.answer()
    await this.#side.until(() => this.feed.isIdle && this.#side.stream().live)
    await this.#resume()
    await this.#close()
  }

  get stored(): readonly Update[] {
    return this.database.stored.ticks
  }

  #ticks(count: number, afterMs: number): readonly Tick[] {
    return Array.from({ length: count }, () => {
      this.told++
      this.#time += afterMs
      const given = this.feed.ids === 'given' ? { id: this.#time * 1_000 + this.told } : {}
      this.#last = quote(this.#time, { price: 20 + this.told, ...given })
      return this.#last
    })
  }

  #open(): SpoolingDatabase | FickleDatabase {
    if (this.spool === undefined) return this.database
    let now = 0
    return new SpoolingDatabase({
      ...{ database: this.database, spool: this.spool, log: createLogRecorder(), retry: { firstMs: 0, maxMs: 0 } },
      ...{ closeWithinMs: 0, now: () => (now += 10_000) },
    })
  }

  #start(): PolledSide {
    const { feed, published } = this
    const waiting = this.#own instanceof SpoolingDatabase ? { waiting: this.#own.waiting.bind(this.#own) } : {}
    const side = startPolledSide(feed, this.#own, waiting)
    const first = published.length
    side.onPublish((update) => {
      expect(this.#isDurable(update), `tick ${update.id} must be durable when it is published`).toBe(true)
      const before = published.length > first ? published.at(-1)!.id : undefined
      if (before !== undefined) expect(update.prev).toBe(before)
      published.push(update)
    })
    return side
  }

  async #restart(isOrderly: boolean): Promise<void> {
    this.ends++
    await this.#close(isOrderly)
    this.#own = this.#open()
    this.#side = this.#start()
  }

  async #close(isOrderly = true): Promise<void> {
    await this.#side.stop()
    await this.#resume()
    if (isOrderly) for (let turn = 0; turn < 20; turn++) await nextTurn()
    await this.#own.close()
    // A server ends what it was told to commit.
    for (let turn = 0; turn < 5; turn++) await nextTurn()
  }

  /** The client gets what follows what it has, from memory or the database, if this life can tell. */
  async #resume(): Promise<void> {
    const last: Cursor | null = this.seen.at(-1)?.id ?? null
    const stream = this.#side.memory.stream(NVDA.symbol)
    if (stream === undefined) return
    const missed = stream.tailAfter(last, Number.POSITIVE_INFINITY)
    const isKnown = stream.unknownThrough === undefined || (last ?? -1) >= (stream.unknownThrough ?? 0)
    if (missed !== undefined && isKnown) this.seen.push(...missed)
    if (missed !== undefined || !isKnown) return
    try {
      this.seen.push(...(await this.#own.ticksAfter(NVDA, last ?? -1, Number.POSITIVE_INFINITY)))
    } catch (error) {
      if (!isGatewayError(error, 'tier_unavailable')) throw error
    }
  }

  #isDurable({ id, price }: Update): boolean {
    const waiting = this.spool?.batches.flatMap(({ ticks }) => ticks.map(({ update }) => update)) ?? []
    return [...this.stored, ...waiting].some((each) => each.id === id && each.price === price)
  }
}
