import type { HubServer } from '../fakes/hub-server.ts'

/** A hole with what became of it so far. */
export interface Hole {
  readonly from: number
  readonly to: number
  /** Ids that the database has by now. */
  readonly found: Set<number>
  isSettled: boolean
}

/** Holes in the stream of BTC: opened, found late bit by bit, and settled, as the gateway does it. */
export class Holes {
  readonly all: Hole[] = []
  readonly #server: HubServer

  constructor(server: HubServer) {
    this.#server = server
  }

  /** Publishes ticks, each after a hole where `jump` is more than one: it is told right before the tick. */
  publish(count: number, jump: number): void {
    const { source, hub } = this.#server
    for (let n = 0; n < count; n += 1) {
      const cursor = source.of('BTC').cursor!
      if (jump > 1) {
        const gap = { from: cursor + 1, to: cursor + jump - 1, status: 'open' as const, reason: 'lost' }
        this.all.push({ ...gap, found: new Set(), isSettled: false })
        source.of('BTC').sayGap(gap)
        hub.gap({ symbol: 'BTC', ...gap })
      }
      this.#server.publish('BTC', 1, { jump })
    }
  }

  /** The database gets the next `count` ticks of one of the holes that are open. */
  find(which: number, count: number): void {
    const hole = this.#pick(which)
    if (!hole) return
    const first = hole.from + hole.found.size
    const ids = Array.from({ length: count }, (_, index) => first + index).filter((id) => id <= hole.to)
    for (const id of ids) hole.found.add(id)
    this.#server.source.of('BTC').find(ids)
  }

  /** It is told what became of a hole; before that the rest of it is found, if it `isWhole`. */
  settle(which: number, isWhole: boolean): void {
    const hole = this.#pick(which)
    if (!hole) return
    if (isWhole) this.find(which, hole.to - hole.from + 1)
    hole.isSettled = true
    if (hole.found.size > 0) this.#server.source.of('BTC').cutTail(hole.to)
    const missing = hole.from + hole.found.size
    this.#say(hole.from, missing - 1, 'filled')
    this.#say(missing, hole.to, 'unfillable')
  }

  #say(from: number, to: number, status: 'filled' | 'unfillable'): void {
    if (to < from) return
    const reason = status === 'filled' ? undefined : 'gone'
    this.#server.source.of('BTC').sayGap({ from, to, status, reason })
    this.#server.hub.gap({ symbol: 'BTC', from, to, status, reason })
  }

  #pick(which: number): Hole | undefined {
    const open = this.all.filter(({ isSettled }) => !isSettled)
    return open[which % Math.max(1, open.length)]
  }
}
