const MINUTE = 60_000

/** The exchange's request budget: weights used in the running minute of wall time. */
export interface WeightMeter {
  /** Takes a request's weight. A refused request costs nothing. */
  take(weight: number, now: number): { readonly used: number; readonly retryAfterSeconds: number | undefined }
}

/** Creates a meter of `limit` a minute, which may be infinite. */
export function createWeightMeter(limit: number): WeightMeter {
  let minute = 0
  let used = 0
  return {
    take(weight, now) {
      const current = Math.floor(now / MINUTE)
      if (current !== minute) used = 0
      minute = current
      if (used + weight > limit) return { used, retryAfterSeconds: Math.ceil(((minute + 1) * MINUTE - now) / 1000) }
      used += weight
      return { used, retryAfterSeconds: undefined }
    },
  }
}
