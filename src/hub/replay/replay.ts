import type { Update } from '../../market/tick.ts'
import type { StreamView } from '../source.ts'
import type { Outlet } from '../subscription.ts'
import type { ReplayClock, Speed } from './replay-clock.ts'
import type { ReplaySubscription } from './replay-subscription.ts'
import type { Replays } from './replays.ts'

export interface ReplayParts {
  readonly replays: Replays
  readonly outlet: Outlet
  /** The last ms that is replayed; undefined: it goes on live. */
  readonly to: number | undefined
  /** Unix ms. */
  readonly now: () => number
  /** It has come to `to`. */
  readonly onEnd: (subscription: ReplaySubscription) => void
  /** It cannot go on: the database is away. */
  readonly onFailed: (subscription: ReplaySubscription, error: unknown) => void
}

/** Ticks that one replay sends before it is the next one's turn. */
const STEP_TICKS = 50
/** How often a symbol whose ticks have all been sent is looked at again, while others are on their way. */
const LOOK_AGAIN_MS = 25
/** So much later than `to` a source may still tell of it. */
const LATE_MS = 2_000

/**
 * Symbols that are replayed together: one clock, and their ticks in the order in which they happened. They go live
 * together, in the turn in which none of them has a tick left to send.
 */
export class Replay {
  readonly clock: ReplayClock
  readonly #parts: ReplayParts
  readonly #members = new Set<ReplaySubscription>()
  /** What it waits for before anything else is sent: pages, room, a seek. */
  #waits = 0
  #cancelWake: () => void = () => {}

  constructor(clock: ReplayClock, parts: ReplayParts) {
    this.clock = clock
    this.#parts = parts
  }

  get to(): number | undefined {
    return this.#parts.to
  }

  /** Where the clock is, as Unix ms. */
  get time(): number {
    return Math.round(this.clock.time(this.#now()))
  }

  get members(): ReadonlySet<ReplaySubscription> {
    return this.#members
  }

  add(member: ReplaySubscription): void {
    member.replay = this
    this.#members.add(member)
    this.stir()
  }

  leave(member: ReplaySubscription): void {
    this.#members.delete(member)
    if (this.#members.size === 0) this.#cancelWake()
    else this.stir()
  }

  /** Goes on, in its turn. */
  readonly stir = (): void => {
    this.#cancelWake()
    this.#parts.replays.turns.add(this.#step)
  }

  pause(): void {
    this.clock.pause(this.#now())
    this.#cancelWake()
    // It may be for hours.
    for (const member of this.#members) member.forget()
  }

  resume(): void {
    this.clock.resume(this.#now())
    this.stir()
  }

  setSpeed(speed: Speed): void {
    this.clock.setSpeed(speed, this.#now())
    this.stir()
  }

  seek(time: number): void {
    this.clock.seek(time, this.#now())
    this.stir()
  }

  /** Sends nothing more until what it returns is called. */
  hold(): () => void {
    this.#waits += 1
    return () => {
      this.#waits -= 1
      this.stir()
    }
  }

  /** A replay of only these members, with a clock of its own that shows the same; this one where they are all. */
  split(members: readonly ReplaySubscription[]): Replay {
    if (members.length === this.#members.size) return this
    const other = new Replay(this.clock.fork(this.#now()), this.#parts)
    for (const member of members) {
      this.leave(member)
      other.add(member)
    }
    return other
  }

  // --- its steps ---

  readonly #step = (): void => {
    if (this.#waits > 0 || this.clock.paused || this.#members.size === 0) return
    const room = this.#parts.outlet.room()
    if (room) {
      void room.then(this.hold())
      return
    }
    try {
      this.#send()
    } catch (error) {
      for (const member of this.#members) this.#parts.onFailed(member, error)
    }
  }

  #send(): void {
    let left = STEP_TICKS
    while (left > 0) {
      const sent = this.#advance(left)
      if (sent === 0) return
      left -= sent
    }
    this.stir()
  }

  /** Sends ticks of whoever is next, or sees to what keeps it from that. Returns how many were sent; 0: it waits. */
  #advance(most: number): number {
    const { away, next, until, ended } = this.#survey()
    if (away.length > 0) this.#read(away)
    else if (!next) this.#atEnd()
    else {
      const now = this.#now()
      const dueMs = this.clock.dueIn(next.tick.time, now)
      if (dueMs === 0) return this.#sendRun(next, until, most, now)
      this.#sleep(ended ? Math.min(dueMs, LOOK_AGAIN_MS) : dueMs)
    }
    return 0
  }

  /** Looks at every member: whose tick is next, and before what time that one's ticks come before all others. */
  #survey(): Survey {
    const away: ReplaySubscription[] = []
    let next: Next | undefined
    let until = (this.#parts.to ?? Number.POSITIVE_INFINITY) + 1
    let ended = false
    for (const member of this.#members) {
      const seen = member.look()
      if (seen === 'away') away.push(member)
      else if (seen === 'end' ? this.#isPast(member.view()) : this.#isBeyond(seen)) this.#parts.onEnd(member)
      else if (seen === 'end') ended = true
      else if (next && next.tick.time <= seen.time) until = Math.min(until, seen.time)
      else {
        if (next) until = Math.min(until, next.tick.time)
        next = { member, tick: seen }
      }
    }
    return { away, next, until, ended }
  }

  /** Sends the ticks that are due of one member, up to the time at which it is another's turn. Returns how many. */
  #sendRun({ member, tick }: Next, until: number, most: number, now: number): number {
    let sent = 0
    // Of several at one time the first comes first, always: who reads a replay twice sees the same twice.
    for (let next: Update | undefined = tick; next && sent < most; next = member.held) {
      if (sent > 0 && (next.time >= until || this.clock.dueIn(next.time, now) > 0)) break
      member.send(next)
      this.clock.reached(next.time)
      sent += 1
    }
    return sent
  }

  #atEnd(): void {
    if (this.#parts.to !== undefined) {
      if (this.#members.size > 0) this.#sleep(LOOK_AGAIN_MS)
      return
    }
    // No await since the survey: a tick published in between would be lost.
    for (const member of this.#members) {
      this.#members.delete(member)
      member.goLive()
    }
  }

  #read(members: readonly ReplaySubscription[]): void {
    const read = (member: ReplaySubscription) =>
      member.read().catch((error) => {
        if (member.isReplaying) this.#parts.onFailed(member, error)
      })
    void Promise.all(members.map(read)).then(this.hold())
  }

  #sleep(ms: number): void {
    this.#cancelWake = this.#parts.replays.wakes.after(ms, this.stir)
  }

  #now(): number {
    return this.#parts.replays.clock.now()
  }

  #isBeyond({ time }: Update): boolean {
    return time > (this.#parts.to ?? Number.POSITIVE_INFINITY)
  }

  /** Whether nothing can follow before `to` on a stream whose ticks have all been sent: by its clock, not by ours. */
  #isPast({ latest, live }: StreamView): boolean {
    const { to, now } = this.#parts
    if (to === undefined || !live) return false
    const time = latest ? latest.time + Math.max(0, now() - latest.received) : now()
    return time > to + LATE_MS
  }
}

interface Next {
  readonly member: ReplaySubscription
  readonly tick: Update
}

interface Survey {
  /** Their next tick must be read first. */
  readonly away: readonly ReplaySubscription[]
  /** The earliest tick there is. */
  readonly next: Next | undefined
  /** Unix ms. */
  readonly until: number
  /** All ticks of some member have been sent, as of now. */
  readonly ended: boolean
}
