import type { Cursor, Update } from '../market/tick.ts'
import { encodeTickHistory } from '../wire/encode.ts'
import { encodeFrame, type Frame } from '../wire/frame.ts'
import { follow, type JoinPorts, type Opening, type Part } from './join.ts'
import type { HubSource, StreamView } from './source.ts'
import type { Outlet, Subscription, TickListener } from './subscription.ts'
import type { Topics } from './topics.ts'
import { viewOf } from './view.ts'

export interface TickSubscriptionParts {
  readonly symbol: string
  readonly source: HubSource
  readonly topics: Topics
  readonly outlet: Outlet
  /** Where to begin; called when the subscription starts. */
  readonly open: (ports: JoinPorts) => Opening | Promise<Opening>
}

/** Every tick of a symbol: history by the join, then live. */
export class TickSubscription implements Subscription, TickListener, JoinPorts {
  readonly channel = 'ticks'
  readonly symbol: string
  readonly #parts: TickSubscriptionParts
  readonly #stopped = new AbortController()
  /** Holes told while the history was on its way; they follow it. Undefined: live. */
  #gaps: Frame[] | undefined = []
  #cursor: Cursor | null | undefined

  constructor(parts: TickSubscriptionParts) {
    this.#parts = parts
    this.symbol = parts.symbol
  }

  get cursor(): Cursor | null | undefined {
    return this.#cursor
  }

  get signal(): AbortSignal {
    return this.#stopped.signal
  }

  start(): void | Promise<void> {
    if (this.signal.aborted) return
    this.#parts.topics.join(this.symbol, this)
    return this.#run()
  }

  stop(): void {
    this.#stopped.abort()
    this.#parts.topics.leaveTicks(this.symbol, this)
  }

  tick(update: Update, frame: Frame): void {
    this.#cursor = update.id
    this.#parts.outlet.send(frame)
  }

  gap(frame: Frame): void {
    if (this.#gaps) this.#gaps.push(frame)
    else this.#parts.outlet.send(frame)
  }

  async #run(): Promise<void> {
    try {
      // Awaited only when it must be: a history that memory holds goes out in the turn of its subscribe.
      const opened = this.#parts.open(this)
      await follow(opened instanceof Promise ? await opened : opened, this)
    } catch (error) {
      // Nobody waits for it any more: what the database said to a subscription that is over is no news.
      if (!this.signal.aborted) throw error
    }
  }

  // --- what the join needs ---

  view(): StreamView {
    return viewOf(this.#parts.source, this.symbol)
  }

  ticksAfter(after: Cursor, limit: number): Promise<readonly Update[]> {
    return this.#parts.source.ticksAfter(this.symbol, after, limit)
  }

  ticksBefore(before: Cursor | undefined, limit: number): Promise<readonly Update[]> {
    return this.#parts.source.ticksBefore(this.symbol, before, limit)
  }

  room(): Promise<void> | undefined {
    return this.#parts.outlet.room()
  }

  part({ rows, ...head }: Part): void {
    this.#cursor = head.cursor
    this.#parts.outlet.send(encodeFrame(encodeTickHistory({ symbol: this.symbol, ...head }, rows)))
  }

  live(): void {
    this.#parts.topics.goLive(this.symbol, this)
    for (const frame of this.#gaps ?? []) this.#parts.outlet.send(frame)
    this.#gaps = undefined
  }
}
