import { hash, seedFor } from '../noise.ts'
import { centralMoment } from './central-time.ts'
import type { SeriesSpec } from './series-spec.ts'

/** One publication of a series: the periods it is about are numbered from the first. */
export interface Release {
  /** Unix ms. */
  readonly time: number
  /** Its day in St. Louis. */
  readonly vintage: string
  /** The period that it is mainly about, and the how-manieth publication of that it is, from 0. */
  readonly period: number
  readonly estimate: number
}

const DAY = 86_400_000
const HALF_PAST_SEVEN = 27_000
const QUARTER_PAST_THREE = 54_900
const SPREAD_SECONDS = 1_500

/** The `n`th publication of a series: a pure function, as everything that is published is. */
export function releaseOf(spec: SeriesSpec, seed: number, n: number): Release {
  const period = Math.floor(n / spec.estimates)
  const estimate = n % spec.estimates
  const noise = hash(seedFor(seed, spec.id, 'release'), n)
  const vintage = spec.frequency === 'Daily' ? periodDay(spec, period + 1) : dayOfRelease(spec, period, estimate, noise)
  const clock = spec.frequency === 'Daily' ? QUARTER_PAST_THREE : HALF_PAST_SEVEN
  const time = centralMoment(vintage, clock + (noise % SPREAD_SECONDS))
  return { time, vintage, period, estimate }
}

/** The first day of the `n`th period, `YYYY-MM-DD`; of a daily series the `n`th working day. */
export function periodDay(spec: SeriesSpec, n: number): string {
  const first = new Date(spec.begins)
  if (spec.frequency !== 'Daily') return print(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + n * months(spec)))
  const weekday = (first.getUTCDay() + 6) % 7
  const working = weekday + n
  return print(first.getTime() + (Math.floor(working / 5) * 7 + (working % 5) - weekday) * DAY)
}

/** A fortnight after a month, four weeks after a quarter, and a month later for each further estimate; no weekends. */
function dayOfRelease(spec: SeriesSpec, period: number, estimate: number, noise: number): string {
  const first = new Date(periodDay(spec, period))
  const month = first.getUTCMonth() + months(spec) + estimate
  const day = (spec.frequency === 'Quarterly' ? 25 : 10) + (noise % 3)
  const time = Date.UTC(first.getUTCFullYear(), month, day)
  const weekday = new Date(time).getUTCDay()
  return print(time + (weekday === 6 ? 2 : weekday === 0 ? 1 : 0) * DAY)
}

function months({ frequency }: SeriesSpec): number {
  return frequency === 'Quarterly' ? 3 : 1
}

function print(time: number): string {
  return new Date(time).toISOString().slice(0, 10)
}
