/** How many times as fast as it happened; `max`: as fast as the client takes it. */
export type Speed = number | 'max'

/**
 * The time of one replay: what happened at `time` is due when the clock has come to `time`. Event times are Unix ms,
 * `now` is the process's clock, ms from any moment on.
 */
export class ReplayClock {
  #time: number
  #since: number
  #speed: Speed
  #paused = false

  constructor(time: number, speed: Speed, now: number) {
    this.#time = time
    this.#speed = speed
    this.#since = now
  }

  get speed(): Speed {
    return this.#speed
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Where the replay is. */
  time(now: number): number {
    if (this.#paused || this.#speed === 'max') return this.#time
    return this.#time + Math.max(0, now - this.#since) * this.#speed
  }

  /** Ms until what happened at `time` is due: 0 when it is, Infinity while paused. */
  dueIn(time: number, now: number): number {
    if (this.#paused) return Number.POSITIVE_INFINITY
    if (this.#speed === 'max') return 0
    return Math.max(0, (time - this.time(now)) / this.#speed)
  }

  /** Something that happened at `time` was sent: without a pace, that is what moves the clock. */
  reached(time: number): void {
    if (this.#speed === 'max') this.#time = Math.max(this.#time, time)
  }

  pause(now: number): void {
    this.seek(this.time(now), now)
    this.#paused = true
  }

  resume(now: number): void {
    this.seek(this.time(now), now)
    this.#paused = false
  }

  setSpeed(speed: Speed, now: number): void {
    this.seek(this.time(now), now)
    this.#speed = speed
  }

  seek(time: number, now: number): void {
    this.#time = time
    this.#since = now
  }

  /** Another clock that shows the same and goes its own way. */
  fork(now: number): ReplayClock {
    const other = new ReplayClock(this.time(now), this.#speed, now)
    other.#paused = this.#paused
    return other
  }
}
