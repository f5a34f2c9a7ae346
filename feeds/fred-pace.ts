import { type Clock, systemClock } from '../src/base/clock.ts'

/** Lets requests through one by one, with a least time between their beginnings. */
export interface Pace {
  /** Resolves when it is the caller's turn, first come first served; false when `signal` aborted before that. */
  turn(signal: AbortSignal): Promise<boolean>
}

export function createPace(spacingMs: number, clock: Clock = systemClock): Pace {
  const waiting: (() => void)[] = []
  let last = Number.NEGATIVE_INFINITY
  let unset: (() => void) | undefined

  const serve = (): void => {
    unset = undefined
    const waitMs = last + spacingMs - clock.now()
    if (waitMs <= 0) {
      last = clock.now()
      waiting.shift()?.()
    }
    if (waiting.length > 0) arrange(waitMs > 0 ? waitMs : spacingMs)
  }
  const arrange = (ms: number): void => {
    unset ??= clock.after(ms, serve)
  }
  return {
    turn(signal) {
      if (signal.aborted) return Promise.resolve(false)
      return new Promise((resolve) => {
        const settle = (isTurn: boolean) => {
          signal.removeEventListener('abort', leave)
          resolve(isTurn)
        }
        const begin = () => settle(true)
        // Whoever leaves takes no turn: the one behind moves up.
        const leave = () => {
          waiting.splice(waiting.indexOf(begin), 1)
          if (waiting.length === 0) {
            unset?.()
            unset = undefined
          }
          settle(false)
        }
        signal.addEventListener('abort', leave, { once: true })
        waiting.push(begin)
        if (unset === undefined) serve()
      })
    },
  }
}
