import type { Cursor } from '../../market/tick.ts'
import type { GapNews } from '../../wire/gap-message.ts'
import type { StreamGap } from '../source.ts'
import { gapsBetween } from './crossed-gaps.ts'

/**
 * One client's way through the history, and the holes on it: each that is crossed is told once, at its place, whatever
 * becomes of it meanwhile.
 */
export class Crossing {
  /** Up to here everything was sent, or told as a hole; undefined: the way has not begun. */
  #through: Cursor | undefined

  begin(position: Cursor | null): void {
    this.#through ??= position ?? -1
  }

  /** A tick was sent. */
  pass(id: Cursor): void {
    this.#through = Math.max(this.#through ?? -1, id)
  }

  /** The holes of `gaps` (ascending) that are met on the way up to the tick `next`, or to live; they are to be told now. */
  meet(gaps: readonly StreamGap[], next = Number.POSITIVE_INFINITY): readonly StreamGap[] {
    const met = gapsBetween(gaps, this.#through ?? -1, next + 1)
    for (const { to } of met) this.pass(to)
    return met
  }

  /**
   * Whether news of a hole, told while the way is still on, must be told to this client too, when it is through. Else
   * the hole is still ahead: it will be met as it is then, or its ticks are sent.
   */
  isBehind({ from, to, status }: GapNews): boolean {
    if (this.#through === undefined) return false
    return status === 'filled' ? from <= this.#through : to <= this.#through
  }
}
