import type { Clock } from '../../base/clock.ts'
import { createSlots } from '../../base/slots.ts'
import type { Update } from '../../market/tick.ts'
import type { Page } from '../ticks/reach.ts'
import { SharedReads } from './shared-reads.ts'
import { TickFrames } from './tick-frames.ts'
import { Turns } from './turns.ts'
import { Wakes } from './wakes.ts'

/** Pages of the database that are read at the same time for all replays together: live traffic stores its own there. */
const READERS = 2

/** What all replays share, so that a thousand at once do not starve live traffic, nor one another. */
export class Replays {
  readonly clock: Clock
  /** Their ticks are sent in turn, a few each. */
  readonly turns = new Turns()
  readonly frames = new TickFrames()
  /** They sleep until the next tick is due. */
  readonly wakes: Wakes
  readonly #readers = createSlots(READERS)
  /** They read in turn: pages, and the first tick from a time on. */
  readonly pages = new SharedReads<Page>(this.#readers)
  readonly firsts = new SharedReads<Update | undefined>(this.#readers)

  constructor(clock: Clock) {
    this.clock = clock
    this.wakes = new Wakes(clock)
  }

  close(): void {
    this.turns.close()
    this.wakes.close()
  }
}
