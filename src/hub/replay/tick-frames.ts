import type { Update } from '../../market/tick.ts'
import { encodeTick } from '../../wire/encode.ts'
import { encodeFrame, type Frame } from '../../wire/frame.ts'

/** Twice as many are kept at most, some 5 MB: what a crowd that replays the same hour is at, at any moment. */
const GENERATION = 10_000

/**
 * The frames of ticks that were replayed of late: those who replay the same ticks share them. Without it, a crowd whose
 * ticks are each encoded anew may send them more slowly than new ones come, and would never reach live.
 */
export class TickFrames {
  #young = new Map<Update, Frame>()
  #old = new Map<Update, Frame>()

  of(update: Update): Frame {
    const known = this.#young.get(update)
    if (known) return known
    const frame = this.#old.get(update) ?? encodeFrame(encodeTick(update))
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(update, frame)
    return frame
  }
}
