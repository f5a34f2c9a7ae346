/** Bounds of a retry schedule, in ms. */
export interface BackoffBounds {
  readonly firstMs: number
  readonly maxMs: number
}

/**
 * Full-jitter exponential backoff: attempt n waits a uniform time in [0, min(maxMs, firstMs * 2^n)), so that a crowd
 * of clients cut at one moment does not come back at one moment.
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function fullJitterMs(attempt: number, { firstMs, maxMs }: BackoffBounds, random = Math.random): number {
  return random() * Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30))
}

/** Waits `ms`; true when it has passed, false when `signal` aborted first. Runs in browsers too. */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false)
    const settle = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', settle)
      resolve(!signal.aborted)
    }
    const timer = setTimeout(settle, ms)
    signal.addEventListener('abort', settle, { once: true })
  })
}
