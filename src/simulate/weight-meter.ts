const MINUTE = 60_000

/** Refused requests that came before an earlier refusal's `Retry-After` had passed; one more is answered by a ban. */
const UNHEEDED_ALLOWED = 10

/** "IP bans are tracked and scale in duration for repeat offenders, from 2 minutes to 3 days." */
const FIRST_BAN_MS = 2 * MINUTE
const LONGEST_BAN_MS = 3 * 24 * 60 * MINUTE

/** The exchange's request budget: weights used in the running minute of wall time. */
export interface WeightMeter {
  /** Takes a request's weight. A refused request costs nothing. */
  take(weight: number, now: number): { readonly used: number; readonly refusal: WeightRefusal | undefined }
}

export interface WeightRefusal {
  /** 429: wait. 418: banned, after going on in spite of 429s. */
  readonly status: 429 | 418
  /** Wall time, Unix ms, from which requests are answered again. */
  readonly until: number
}

/**
 * Creates a meter of `limit` a minute, which may be infinite. Who goes on asking before `Retry-After` has passed is
 * banned, each time twice as long as the time before. The exchange documents that and the durations; after how many
 * requests it does so is our choice.
 */
export function createWeightMeter(limit: number): WeightMeter {
  let minute = 0
  let used = 0
  let unheeded = 0
  let bans = 0
  let refusal: WeightRefusal = { status: 429, until: Number.NEGATIVE_INFINITY }

  const refuse = (now: number): WeightRefusal => {
    const goesOn = now < refusal.until
    if (goesOn && refusal.status === 418) return refusal
    unheeded = goesOn ? unheeded + 1 : 0
    if (unheeded <= UNHEEDED_ALLOWED) {
      refusal = { status: 429, until: (minute + 1) * MINUTE }
    } else {
      refusal = { status: 418, until: now + Math.min(FIRST_BAN_MS * 2 ** bans, LONGEST_BAN_MS) }
      bans += 1
    }
    return refusal
  }

  return {
    take(weight, now) {
      const current = Math.floor(now / MINUTE)
      if (current !== minute) used = 0
      minute = current
      const banned = refusal.status === 418 && now < refusal.until
      if (banned || used + weight > limit) return { used, refusal: refuse(now) }
      used += weight
      return { used, refusal: undefined }
    },
  }
}
