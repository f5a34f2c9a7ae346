import type { Frame } from '../wire/frame.ts'

/** Something with frames waiting for its socket. */
export interface Flushable {
  /** Writes what waits; `merge` makes one buffer of several frames. Returns how many frames went. */
  flush(merge: (frames: readonly Frame[]) => Buffer): number
}

/**
 * Writes the frames of one turn of the event loop together: one write per client and turn, since the price of fan-out
 * is the system call. Under load a turn holds more frames, so batches grow by themselves and an idle gateway adds no
 * delay. Clients who got the same frames share one buffer.
 */
export class Flusher {
  readonly #windowMs: number
  #waiting: Flushable[] = []
  readonly #before = new Set<() => void>()
  #scheduled = false
  #framesSent = 0

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  get framesSent(): number {
    return this.#framesSent
  }

  /** Flushes `client` at the end of this turn. MUST be called once per turn and client. */
  add(client: Flushable): void {
    this.#waiting.push(client)
    this.#schedule()
  }

  /** Runs `produce` once at the end of this turn, before the frames are written. */
  before(produce: () => void): void {
    this.#before.add(produce)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    if (this.#windowMs > 0) setTimeout(this.#flush, this.#windowMs)
    else setImmediate(this.#flush)
  }

  readonly #flush = (): void => {
    try {
      for (const produce of this.#before) {
        this.#before.delete(produce)
        produce()
      }
    } finally {
      this.#write()
    }
  }

  #write(): void {
    const clients = this.#waiting
    this.#waiting = []
    this.#scheduled = false
    const merge = createMerge()
    for (const client of clients) this.#framesSent += client.flush(merge)
  }
}

/** Concatenates frames, and hands the same buffer out again while the lists that follow are the same. */
function createMerge(): (frames: readonly Frame[]) => Buffer {
  let last: { readonly frames: readonly Frame[]; readonly bytes: Buffer } | undefined
  return (frames) => {
    const [only] = frames
    if (only && frames.length === 1) return only
    if (last && isSame(last.frames, frames)) return last.bytes
    last = { frames, bytes: Buffer.concat(frames) }
    return last.bytes
  }
}

function isSame(left: readonly Frame[], right: readonly Frame[]): boolean {
  return left.length === right.length && left.every((frame, index) => frame === right[index])
}
