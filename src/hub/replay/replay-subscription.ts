import type { Cursor, Update } from '../../market/tick.ts'
import { encode, encodeTick, encodeTickHistory } from '../../wire/encode.ts'
import { encodeFrame, type Frame } from '../../wire/frame.ts'
import type { ServerMessage, TierName } from '../../wire/messages.ts'
import type { HubSource, StreamView } from '../source.ts'
import type { Outlet, Subscription, TickListener } from '../subscription.ts'
import { coverAll, encodeGap, gapsBetween } from '../ticks/crossed-gaps.ts'
import { isCut } from '../ticks/join.ts'
import type { Topics } from '../topics.ts'
import { viewOf } from '../view.ts'
import type { Replay } from './replay.ts'
import { ReplayPlace } from './replay-place.ts'
import type { ReplayStart } from './replay-start.ts'
import type { Replays } from './replays.ts'

export interface ReplaySubscriptionParts {
  readonly symbol: string
  readonly start: ReplayStart
  readonly replay: Replay
  readonly replays: Replays
  readonly source: HubSource
  readonly topics: Topics
  readonly outlet: Outlet
}

/** One symbol of a replay: its ticks as `replay` sends for them, then live, or the end. */
export class ReplaySubscription implements Subscription, TickListener {
  readonly channel = 'ticks'
  readonly symbol: string
  readonly #parts: ReplaySubscriptionParts
  readonly #place: ReplayPlace
  readonly #stopped = new AbortController()
  /** Whose clock it follows. */
  replay: Replay
  /** The id that the client has, or was told that the next tick follows; undefined: none. */
  #had: Cursor | undefined
  #cursor: Cursor | null | undefined
  #isLive = false

  constructor(parts: ReplaySubscriptionParts) {
    const { symbol, source, replays, start } = parts
    const ports = {
      view: () => this.view(),
      ticksAfter: (after: Cursor, limit: number) => source.ticksAfter(symbol, after, limit),
      signal: this.#stopped.signal,
    }
    this.#parts = parts
    this.symbol = symbol
    this.replay = parts.replay
    this.#place = new ReplayPlace(symbol, ports, replays.pages, start.position)
  }

  get cursor(): Cursor | null | undefined {
    return this.#cursor
  }

  /** Neither live nor over. */
  get isReplaying(): boolean {
    return !this.#isLive && !this.#stopped.signal.aborted
  }

  start(): void {
    if (this.#stopped.signal.aborted) return
    this.#parts.topics.join(this.symbol, this)
    this.begin(this.#parts.start)
    this.replay.add(this)
  }

  stop(): void {
    this.#stopped.abort()
    this.#place.forget()
    this.#parts.topics.leaveTicks(this.symbol, this)
    this.replay.leave(this)
  }

  /** Live only: what a replay sends, it reads. */
  tick(update: Update, frame: Frame): void {
    if (!this.#isLive) return
    this.#cursor = update.id
    this.#parts.outlet.send(frame)
  }

  /** A hole ahead is told at its place, as it is then; where it was filled meanwhile, what was read lacks its ticks. */
  gap(frame: Frame, { from, to }: ServerMessage<'gap'>): void {
    if (this.#isLive) {
      this.#parts.outlet.send(frame)
      return
    }
    const { position } = this.#place
    if (position === null || to > position) this.#place.forget()
    if (this.#had !== undefined && from <= this.#had) this.#parts.outlet.send(frame)
  }

  // --- what its replay asks of it ---

  view(): StreamView {
    return viewOf(this.#parts.source, this.symbol)
  }

  /** Goes to a place, and tells the client which id the next tick follows. */
  begin({ position, cursor, tier, oldest }: ReplayStart): void {
    this.#place.move(position)
    this.#tell(cursor, tier, oldest !== undefined)
  }

  get held(): Update | undefined {
    return this.#place.held
  }

  look(): Update | 'end' | 'away' {
    return this.#place.look()
  }

  read(): Promise<void> {
    return this.#place.read()
  }

  forget(): void {
    this.#place.forget()
  }

  /** Sends the next tick, after the holes before it. */
  send(update: Update): void {
    const row = this.#follow(update)
    const { outlet, replays } = this.#parts
    outlet.send(row === update ? replays.frames.of(row) : encodeFrame(encodeTick(row)))
    this.#had = this.#cursor = update.id
    this.#place.pass(update)
  }

  /** Goes live. It MUST be in the turn in which `look` found the end: a tick published in between would be lost. */
  goLive(): void {
    const { outlet, topics } = this.#parts
    if (this.#had !== undefined) this.#tellGaps(gapsBetween(this.view().gaps(), this.#had, Number.POSITIVE_INFINITY))
    outlet.send(this.#end(true))
    this.#isLive = true
    topics.goLive(this.symbol, this)
  }

  /** Says that it has come to `to`. */
  sayEnd(): void {
    this.#parts.outlet.send(this.#end(false))
  }

  // --- the steps ---

  /** The tick in the chain that the client has: where it is broken, that is said. */
  #follow(update: Update): Update {
    const had = this.#had
    if (had === undefined) return update
    const gaps = gapsBetween(this.view().gaps(), had, update.id)
    this.#tellGaps(gaps)
    if (update.prev === had) return update
    if (coverAll(gaps, had, update.id)) return { ...update, prev: had }
    if (isCut(had, update, gaps)) this.#tell(update.prev, 'database', true)
    return update
  }

  #tell(cursor: Cursor | null, tier: TierName, truncated: boolean): void {
    this.#had = cursor ?? undefined
    this.#cursor = cursor
    const head = { symbol: this.symbol, cursor, tier, more: false, truncated }
    this.#parts.outlet.send(encodeFrame(encodeTickHistory(head, [])))
  }

  #tellGaps(gaps: Iterable<Parameters<typeof encodeGap>[1]>): void {
    for (const gap of gaps) this.#parts.outlet.send(encodeGap(this.symbol, gap))
  }

  #end(live: boolean): Frame {
    return encodeFrame(encode({ type: 'replay_end', symbol: this.symbol, cursor: this.#cursor ?? null, live }))
  }
}
