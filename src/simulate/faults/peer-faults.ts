import { type Batch, createBatch, type Frame } from '../frame.ts'
import type { StreamPeer } from '../stream-peer.ts'
import type { FrameFault } from './frame-fault.ts'
import { mangle } from './garbage.ts'

/** A fault that waits for frames. */
export interface FrameOrder {
  readonly kind: FrameFault
  /** Frames yet to be befallen. */
  left: number
  /** The stream whose frames are meant; undefined for every one of trades. */
  readonly stream: string | undefined
  readonly ms: number
}

/** A frame that was held back: sent by `timer`, or by its successor. */
interface Held {
  readonly frame: Frame
  readonly stream: string
  readonly timer: NodeJS.Timeout
}

/** The faults of one connection. */
export class PeerFaults {
  readonly #peer: StreamPeer
  #orders: readonly FrameOrder[] = []
  /** In the order in which they were held. */
  readonly #held = new Set<Held>()
  /** By stream: the frame that waits for its successor. */
  readonly #waiting = new Map<string, Held>()
  #mangled = 0

  constructor(peer: StreamPeer) {
    this.#peer = peer
  }

  order(order: FrameOrder): void {
    this.#orders = [...this.#orders, order]
  }

  write(batches: readonly Batch[]): void {
    this.#peer.write(batches.map((batch) => this.#befall(batch)))
  }

  /** Sends what is held at once. */
  release(): void {
    for (const held of this.#held) this.#send(held)
  }

  forget(): void {
    for (const held of this.#held) this.#let(held)
  }

  #befall(batch: Batch): Batch {
    const { stream, frames } = batch
    const untouched = !this.#orders.some((order) => isMeant(order, stream)) && !this.#waiting.has(stream)
    if (untouched || !stream.endsWith('@aggTrade')) return batch
    return createBatch(
      stream,
      frames.flatMap((frame) => this.#befallOne(stream, frame)),
    )
  }

  /** What leaves now in the place of `frame`. */
  #befallOne(stream: string, frame: Frame): readonly Frame[] {
    const predecessor = this.#waiting.get(stream)
    const order = this.#take(stream)
    if (predecessor === undefined) return order ? this.#apply(order, stream, frame) : [frame]
    this.#let(predecessor)
    // The second of two neighbours has been reordered by letting it pass.
    const own = order && order.kind !== 'reorder' ? this.#apply(order, stream, frame) : [frame]
    return [...own, predecessor.frame]
  }

  #take(stream: string): FrameOrder | undefined {
    const order = this.#orders.find((candidate) => isMeant(candidate, stream))
    if (order === undefined) return undefined
    order.left -= 1
    if (order.left <= 0) this.#orders = this.#orders.filter((other) => other !== order)
    return order
  }

  #apply({ kind, ms }: FrameOrder, stream: string, frame: Frame): readonly Frame[] {
    switch (kind) {
      case 'drop':
        return []
      case 'double':
        return [frame, frame]
      case 'delay':
        this.#hold(stream, frame, ms)
        return []
      case 'reorder':
        this.#waiting.set(stream, this.#hold(stream, frame, ms))
        return []
      case 'garbage':
        return mangle(frame, this.#mangled++)
    }
  }

  #hold(stream: string, frame: Frame, ms: number): Held {
    const held: Held = { frame, stream, timer: setTimeout(() => this.#send(held), ms) }
    this.#held.add(held)
    return held
  }

  #send(held: Held): void {
    this.#let(held)
    this.#peer.write([createBatch(held.stream, [held.frame])])
  }

  /** Holds it no longer. */
  #let(held: Held): void {
    clearTimeout(held.timer)
    this.#held.delete(held)
    if (this.#waiting.get(held.stream) === held) this.#waiting.delete(held.stream)
  }
}

function isMeant(order: FrameOrder, stream: string): boolean {
  return order.stream === undefined || order.stream === stream
}
