import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Candle, type OhlcvRow, toOhlcvRow } from '../../src/market/candle.ts'
import { fillRows } from '../../src/market/carried-close.ts'
import type { ServerMessage } from '../../src/wire/messages.ts'
import { CandlePath, type WatchingClient } from '../fakes/candle-path.ts'

const NOON = Date.UTC(2026, 10, 18, 12)
const MINUTE = 60_000
/** The first is never held back, so that there is always a clock that goes on. */
const SYMBOLS = ['BTC', 'ETH', 'SOL'] as const
const CLIENTS = [
  { interval: 0, fill: false },
  { interval: 0, fill: true },
  { interval: 60_000, fill: false },
  { interval: 60_000, fill: true },
] as const

const symbol = fc.constantFrom(...SYMBOLS)
const client = fc.nat({ max: CLIENTS.length - 1 })
const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('trade' as const),
        symbol,
        backMs: fc.constantFrom(0, 0, 0, 900, 70_000),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1_000, max: 90_000 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('find late' as const),
        symbol,
        backMs: fc.integer({ min: 0, max: 300_000 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('hold' as const, 'release' as const), symbol }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('subscribe' as const, 'drop' as const), client, symbol }) },
  ),
  { minLength: 5, maxLength: 60 },
)

type Step = typeof steps extends fc.Arbitrary<(infer S)[]> ? S : never

it('every client sees every bucket end once, in order, with its candles as they are; filled ones where it wants them', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const run = new Run()
      await run.begin()
      for (const step of all) await run.take(step)
    }),
    { numRuns: 150 },
  )
})

class Run {
  readonly #path = new CandlePath(NOON, ...SYMBOLS)
  readonly #watchers = CLIENTS.map((options) => new Watcher(this.#path, this.#path.watch([], options), options))
  readonly #held = new Map<string, number[]>()
  #now = NOON

  /** A client that watches something sees more than one that does not: all begin with two symbols that have traded. */
  async begin(): Promise<void> {
    for (const name of SYMBOLS) await this.take({ do: 'trade', symbol: name, backMs: 0 })
    await this.take({ do: 'wait', ms: 5_000 })
    for (const index of CLIENTS.keys()) {
      for (const name of ['BTC', 'ETH'] as const) await this.take({ do: 'subscribe', client: index, symbol: name })
    }
  }

  async take(step: Step): Promise<void> {
    const path = this.#path
    if (step.do === 'wait') {
      this.#now += step.ms
      path.at(this.#now)
    }
    if (step.do === 'trade') this.#trade(step.symbol, this.#now - step.backMs)
    if (step.do === 'find late') path.fillIn(step.symbol, this.#now - step.backMs, 90)
    if (step.do === 'hold' && step.symbol !== 'BTC' && !this.#held.has(step.symbol)) {
      this.#held.set(step.symbol, [])
      path.stream(step.symbol).live = false
    }
    if (step.do === 'release') this.#release(step.symbol)
    if (step.do === 'subscribe') this.#watchers[step.client]!.subscribe(step.symbol)
    if (step.do === 'drop') this.#watchers[step.client]!.drop(step.symbol)
    for (const watcher of this.#watchers) await watcher.look(step.do === 'wait')
  }

  #trade(symbol: string, time: number): void {
    const held = this.#held.get(symbol)
    if (held === undefined) this.#path.trade(symbol, time, { price: 100 + (time % 97) })
    else held.push(time)
  }

  #release(symbol: string): void {
    for (const time of this.#held.get(symbol) ?? []) this.#path.trade(symbol, time, { backfilled: true })
    this.#held.delete(symbol)
    this.#path.stream(symbol).live = true
  }
}

/** One client, and all that it has been told. */
class Watcher {
  readonly #path: CandlePath
  readonly #client: WatchingClient
  readonly #options: (typeof CLIENTS)[number]
  /** By symbol: rows by time, from the first of the snapshot on. */
  readonly #rows = new Map<string, { since: number; readonly byTime: Map<number, OhlcvRow> }>()
  readonly #told = new Map<string, Pick<Candle, 'final' | 'revision'>>()
  /** The ends of the last bucket told, and of the one before the first that may be. */
  #end: number | undefined
  #endAtStart: number | undefined

  constructor(path: CandlePath, watching: WatchingClient, options: (typeof CLIENTS)[number]) {
    this.#path = path
    this.#client = watching
    this.#options = options
  }

  subscribe(name: string): void {
    const others = [...this.#rows.keys()].filter((other) => other !== name)
    if (others.length === 0) {
      // Nothing else is watched: it begins anew with this snapshot.
      this.#end = undefined
      this.#endAtStart = this.#endOf([name])
    }
    this.#client.subscribe([name], { ...this.#options, history: 5 })
  }

  drop(name: string): void {
    this.#client.drop(name)
    this.#rows.delete(name)
  }

  async look(hasWaited: boolean): Promise<void> {
    for (const frame of await this.#client.take()) this.#take(frame)
    if (this.#options.interval === 0) for (const name of this.#rows.keys()) this.#expectRows(name)
    const end = this.#endOf([...this.#rows.keys()])
    // What was over before the first snapshot is not told; what is over since then is, unless that was not known then.
    if (!hasWaited || end === undefined || (this.#end ?? this.#endAtStart) === undefined) return
    expect(this.#end ?? this.#endAtStart).toBeGreaterThanOrEqual(end)
  }

  #take(frame: ServerMessage): void {
    if (frame.type === 'ws_history' && frame.channel === 'candles') {
      const byTime = new Map(frame.candles.map((row) => [row[0], row]))
      this.#rows.set(frame.symbol, { since: frame.candles[0]?.[0] ?? Number.NEGATIVE_INFINITY, byTime })
    }
    if (frame.type === 'candle') this.#takeCandle(frame)
    if (frame.type === 'interval_end') this.#takeEnd(frame.time)
  }

  #takeCandle({ symbol: name, time, open, high, low, close, volume, final, revision }: ServerMessage<'candle'>): void {
    const told = this.#told.get(`${name} ${time}`)
    if (told?.final) expect([final, revision >= told.revision]).toEqual([true, true])
    this.#told.set(`${name} ${time}`, { final, revision })
    this.#rows.get(name)?.byTime.set(time, [time, open, high, low, close, volume])
  }

  /** In order, each once; and of every candle of the bucket this client has been told that it is final. */
  #takeEnd(time: number): void {
    if (this.#end !== undefined) expect(time).toBe(this.#end)
    this.#end = time + MINUTE
    for (const [name, { since, byTime }] of this.#rows) {
      const view = this.#path.stream(name)
      expect(view.overUntil('1m')).toBeGreaterThan(time)
      if (time < since || view.candleAt('1m', time) === undefined) continue
      expect(byTime.has(time), `${name} at ${time}`).toBe(true)
    }
  }

  #expectRows(name: string): void {
    const { since, byTime } = this.#rows.get(name)!
    const view = this.#path.stream(name)
    const held = view.candles('1m', 1_000)
    const rows = this.#options.fill ? fillRows(held, '1m', view.overUntil('1m'), 1_000) : held
    const ours = [...byTime.values()].filter(([time]) => time >= since).sort(([a], [b]) => a - b)
    expect(ours).toEqual(rows.filter(({ time }) => time >= since).map(toOhlcvRow))
  }

  /** Up to where everything is over; undefined where that is not known of all. */
  #endOf(names: readonly string[]): number | undefined {
    const end = Math.min(...names.map((name) => this.#path.stream(name).overUntil('1m')))
    return names.length > 0 && Number.isFinite(end) ? end : undefined
  }
}
