import type { Act, Ask } from './follow.ts'
import type { ClientTick, Steering } from './ticks.ts'

export type Speed = number | 'max'

export interface ReplayOptions {
  /** Unix ms. */
  readonly from: number
  /** The last ms that is replayed; without it, the loop goes on live. */
  readonly to?: number
  /** 0.1 to 1000 times as fast as it happened, 1 unless told, or `max`. */
  readonly speed?: Speed
}

/**
 * A loop over ticks, once, that can be steered while it runs, also between connections. What is live by now is not
 * paused and has no speed; `seek` takes it back.
 */
export interface Replay extends AsyncIterable<ClientTick>, Steering {}

export function createReplay(ticks: AsyncIterable<ClientTick>, steering: Steering): Replay {
  const { pause, resume, setSpeed, seek } = steering
  return { pause, resume, setSpeed, seek, [Symbol.asyncIterator]: () => ticks[Symbol.asyncIterator]() }
}

/** How a replay is to go: what a new connection must be told. */
export class Course {
  readonly #to: number | undefined
  #speed: Speed
  #paused = false
  from: number

  constructor({ from, to, speed = 1 }: ReplayOptions) {
    this.from = from
    this.#to = to
    this.#speed = speed
  }

  /** Replays `symbols` from `time` on. Returns the id that the answer will carry. */
  ask(symbols: readonly string[], time: number, ask: Ask, act: Act): number {
    const to = this.#to === undefined ? {} : { to: this.#to }
    const id = ask({ channel: 'ticks', symbols, from: time, ...to, speed: this.#speed })
    if (this.#paused) act({ symbols, action: 'pause' })
    return id
  }

  pause(symbols: readonly string[], act: Act | undefined): void {
    this.#paused = true
    if (symbols.length > 0) act?.({ symbols, action: 'pause' })
  }

  resume(symbols: readonly string[], act: Act | undefined): void {
    this.#paused = false
    if (symbols.length > 0) act?.({ symbols, action: 'resume' })
  }

  setSpeed(speed: Speed, symbols: readonly string[], act: Act | undefined): void {
    this.#speed = speed
    if (symbols.length > 0) act?.({ symbols, action: 'speed', speed })
  }
}
