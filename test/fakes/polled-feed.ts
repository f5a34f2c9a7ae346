import { GatewayError } from '../../src/base/errors.ts'
import { createGate, type Gate } from '../../src/base/gate.ts'
import type { Feed, FeedEvents, IdKind, Received, Resolved } from '../../src/feed.ts'
import type { Candle } from '../../src/market/candle.ts'
import type { AssetClass, Instrument } from '../../src/market/instrument.ts'
import type { Tick } from '../../src/market/tick.ts'
import type { Timeframe } from '../../src/market/timeframe.ts'

export const NVDA: Instrument = {
  symbol: 'NVDA',
  source: 'quotes',
  sourceSymbol: 'NVDA',
  assetClass: 'stock',
  priceDigits: 2,
  sizeDigits: 0,
}

type Answer = readonly Tick[] | GatewayError

/** A source of one instrument that is polled: each poll takes what the test says next, or waits for it. */
export class PolledFeed implements Feed<Tick> {
  readonly name = 'quotes'
  readonly assetClass: AssetClass = 'stock'
  readonly ids: IdKind
  readonly symbols = [NVDA]
  /** Polls that were begun. */
  polls = 0
  /** A poll is under way. */
  isPolling = false
  /** Of the connection that there is, or was last. */
  events: FeedEvents | undefined
  /** Asked before every list of symbols: throw to fail, wait to be slow. */
  beforeList: () => Promise<void> | void = () => {}
  candles?: (
    instrument: Instrument,
    timeframe: Timeframe,
    range: { readonly before?: number; readonly limit: number },
    signal: AbortSignal,
  ) => Promise<readonly Candle[]>
  readonly #answers: Answer[] = []
  #asked: Gate = createGate()

  constructor(ids: Exclude<IdKind, 'contiguous'> = 'rising') {
    this.ids = ids
  }

  /** A poll finds these ticks; an empty answer has no news. */
  answer(...ticks: readonly Tick[]): void {
    this.#say(ticks)
  }

  /** A poll fails. */
  fail(): void {
    this.#say(new GatewayError('feed_broken', 'the source must answer, did not'))
  }

  /** Everything that was said was polled, and taken. */
  get isIdle(): boolean {
    return this.isPolling && this.#answers.length === 0
  }

  async resolve(): Promise<Resolved> {
    await this.beforeList()
    return { instruments: [NVDA], refused: [] }
  }

  async *receive(_: readonly Instrument[], events: FeedEvents, signal: AbortSignal) {
    this.events = events
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    for (let isFirst = true; !signal.aborted; ) {
      this.polls++
      this.isPolling = true
      while (this.#answers.length === 0 && !signal.aborted) await Promise.race([this.#asked.opened, stopped])
      this.isPolling = false
      const answer = this.#answers.shift()
      if (answer === undefined || signal.aborted) return
      if (answer instanceof GatewayError) throw answer
      const received = Math.max(0, ...answer.map((tick) => tick.received))
      if (answer.length > 0) yield answer.map((raw): Received<Tick> => ({ raw, received }))
      if (isFirst) events.connected()
      isFirst = false
      events.heard?.()
    }
  }

  normalize(raw: Tick, received: number): readonly Tick[] {
    if (raw.price !== undefined && Number.isNaN(raw.price)) throw new GatewayError('feed_payload', 'a price was none')
    return [{ ...raw, received }]
  }

  #say(answer: Answer): void {
    this.#answers.push(answer)
    this.#asked.open()
    this.#asked = createGate()
  }
}

/** A quote of a polled source: its id is the least that it may have. */
export function quote(time: number, fields: Partial<Tick> = {}): Tick {
  const id = time * 1_000
  const price = 100 + (time % 7)
  return { symbol: 'NVDA', id, price, size: 10, side: undefined, trades: 1, time, received: time, ...fields }
}
