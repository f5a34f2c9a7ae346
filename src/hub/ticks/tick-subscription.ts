import type { Cursor, Update } from '../../market/tick.ts'
import type { Frame } from '../../wire/frame.ts'
import type { ServerMessage } from '../../wire/messages.ts'
import type { PerTurn } from '../per-turn.ts'
import type { HubSource, StreamGap, StreamView } from '../source.ts'
import type { PartOutlet, Subscription, TickListener } from '../subscription.ts'
import type { Topics } from '../topics.ts'
import { viewOf } from '../view.ts'
import { encodeGap } from './crossed-gaps.ts'
import { Crossing } from './crossing.ts'
import { follow, type JoinPorts, type Opening } from './join.ts'
import { encodePart, type Part } from './part.ts'
import type { TickPages } from './tick-pages.ts'

export interface TickSubscriptionParts {
  readonly symbol: string
  readonly source: HubSource
  readonly topics: Topics
  readonly pages: TickPages
  readonly partTurns: PerTurn
  readonly outlet: PartOutlet
  /** Where to begin; called when the subscription starts. */
  readonly open: (ports: JoinPorts) => Opening | Promise<Opening>
}

/** Every tick of a symbol: history by the join, then live. */
export class TickSubscription implements Subscription, TickListener, JoinPorts {
  readonly channel = 'ticks'
  readonly symbol: string
  readonly crossing = new Crossing()
  readonly #parts: TickSubscriptionParts
  readonly #stopped = new AbortController()
  /** News of holes that the history had passed when it came; it follows the history. Undefined: live. */
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

  gap(frame: Frame, told: ServerMessage<'gap'>): void {
    if (this.#gaps === undefined) this.#parts.outlet.send(frame)
    else if (this.crossing.isBehind(told)) this.#gaps.push(frame)
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

  get pages(): TickPages {
    return this.#parts.pages
  }

  room(): Promise<void> | undefined {
    const { outlet, partTurns } = this.#parts
    const room = outlet.room()
    return room ? room.then(() => partTurns.take()) : partTurns.take()
  }

  part(part: Part): void {
    this.#cursor = part.cursor
    this.#parts.outlet.sendPieces(encodePart(this.symbol, part))
  }

  cross(gap: StreamGap): void {
    this.#parts.outlet.send(encodeGap(this.symbol, gap))
  }

  live(): void {
    this.#parts.topics.goLive(this.symbol, this)
    for (const frame of this.#gaps ?? []) this.#parts.outlet.send(frame)
    this.#gaps = undefined
  }
}
