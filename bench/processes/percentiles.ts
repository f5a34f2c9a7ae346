export interface Percentiles {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Sorts them in place. */
export function percentilesOf(delays: Float64Array): Percentiles {
  delays.sort()
  const at = (share: number) => delays[Math.min(delays.length - 1, Math.floor(share * delays.length))] ?? Number.NaN
  return { count: delays.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}
