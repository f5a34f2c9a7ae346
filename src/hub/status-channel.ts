import { encode } from '../wire/encode.ts'
import { encodeFrame } from '../wire/frame.ts'
import type { StatusRow } from '../wire/messages.ts'
import type { Outlet, Subscription } from './subscription.ts'

/** Who is told how the feeds and tiers are: each as it is now, then each change, encoded once. */
export class StatusChannel {
  readonly #rows: () => readonly StatusRow[]
  readonly #members = new Set<Outlet>()

  /** @param rows every feed and tier as it is now */
  constructor(rows: () => readonly StatusRow[]) {
    this.#rows = rows
  }

  publish(row: StatusRow): void {
    if (this.#members.size === 0) return
    const frame = frameOf(row)
    for (const member of this.#members) member.send(frame)
  }

  join(member: Outlet): void {
    for (const row of this.#rows()) member.send(frameOf(row))
    this.#members.add(member)
  }

  leave(member: Outlet): void {
    this.#members.delete(member)
  }
}

/** One client's subscription to it. */
export class StatusSubscription implements Subscription {
  readonly channel = 'status'
  /** It is of no symbol, and there is one of it. */
  readonly symbol = '*'
  readonly #statuses: StatusChannel
  readonly #outlet: Outlet

  constructor(statuses: StatusChannel, outlet: Outlet) {
    this.#statuses = statuses
    this.#outlet = outlet
  }

  start(): void {
    this.#statuses.join(this.#outlet)
  }

  stop(): void {
    this.#statuses.leave(this.#outlet)
  }
}

function frameOf(row: StatusRow) {
  return encodeFrame(encode({ type: 'status', ...row }))
}
