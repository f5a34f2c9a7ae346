import { bell, createPricePath, seedFor, unit } from '../noise.ts'
import { periodDay, type Release } from './calendar.ts'
import type { SeriesSpec } from './series-spec.ts'

/** A value of a period as FRED prints it; `.` where there is none. */
export interface PublishedValue {
  readonly period: string
  readonly value: string
}

const SECONDS_A_PERIOD = 6_000

/** Makes what a publication says: pure. */
export function createEstimates(spec: SeriesSpec, seed: number): (release: Release) => readonly PublishedValue[] {
  const own = (name: string) => seedFor(seed, spec.id, name)
  const [swings, errors, gaps, corrections] = [own('swing'), own('error'), own('missing'), own('correction')]
  // Laid over so many seconds a period: neighbors are alike, years are not.
  const path = createPricePath(swings, 0.05)
  const publishedOf = (period: number, release: Release): PublishedValue => {
    const day = periodDay(spec, period)
    if (unit(gaps, period) < spec.missing) return { period: day, value: '.' }
    const trend = spec.level * Math.exp(spec.growth * period)
    const swing = Math.exp(spec.swing * Math.tanh(path(period * SECONDS_A_PERIOD)))
    // The later a publication is, the nearer it comes.
    const age = release.period - period + release.estimate
    const error = (spec.error * bell(errors, period * 4_096 + (age % 4_096))) / (1 + age)
    return { period: day, value: String(Number((trend * swing * (1 + error)).toFixed(spec.digits))) }
  }
  const periodsAYear = spec.frequency === 'Quarterly' ? 4 : 12
  const isYearly = ({ period, estimate }: Release) =>
    spec.revisedYearly > 0 && estimate === spec.estimates - 1 && period % periodsAYear === 1
  return (release) => {
    const { period } = release
    const revised = isYearly(release) ? spec.revisedYearly : unit(corrections, period) < 0.02 ? 1 : 0
    const first = Math.max(0, period - revised)
    const values = Array.from({ length: period - first + 1 }, (_, n) => publishedOf(first + n, release))
    // A yearly revision of the accounts leaves the oldest quarter out, which ends its last vintage.
    if (!isYearly(release) || spec.frequency !== 'Quarterly') return values
    const oldest = Math.floor(period / 4)
    return oldest < first ? [{ period: periodDay(spec, oldest), value: '.' }, ...values] : values
  }
}
