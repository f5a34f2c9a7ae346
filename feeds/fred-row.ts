// https://fred.stlouisfed.org/docs/api/fred/series_observations.html
import { z } from 'zod'
import { GatewayError } from '../src/base/errors.ts'
import type { Cursor, Tick } from '../src/market/tick.ts'
import { DAYS, type DayIndex, parseDay } from './fred-day.ts'
import type { Redaction } from './fred-redaction.ts'

/** What `receive` yields: a row of FRED's that may be news, and when it became known; or that there are none. */
export type FredRow =
  | {
      readonly symbol: string
      /** As FRED sent it. */
      readonly observation: unknown
      /** Unix seconds. */
      readonly knownAt: number
      readonly isPast: boolean
    }
  | { readonly symbol: string; readonly refusal: string }

/** A row that can be read. */
export interface FredObservation {
  readonly period: DayIndex
  readonly vintage: DayIndex
  /** Undefined: missing. */
  readonly value: number | undefined
}

/** Undefined for what is none. */
export function readObservation(row: unknown): FredObservation | undefined {
  const read = Row.safeParse(row)
  if (!read.success) return undefined
  const period = parseDay(read.data.date)
  const vintage = parseDay(read.data.realtime_start)
  const value = read.data.value === '.' ? undefined : Number(read.data.value)
  const isSound = period !== undefined && vintage !== undefined && (value === undefined || Number.isFinite(value))
  return isSound ? { period, vintage, value } : undefined
}

/** The id of a row that became known then (Unix seconds). */
export function idOf(knownAt: number, period: DayIndex): Cursor {
  return knownAt * DAYS + period
}

/** The second (Unix) at which a row with this id became known. */
export function knownAtOf(id: Cursor): number {
  return Math.floor(id / DAYS)
}

/** @throws GatewayError feed_payload for a row that cannot be read, and where FRED gives none */
export function normalizeRow(raw: FredRow, received: number, clean: Redaction): readonly Tick[] {
  const { symbol } = raw
  if ('refusal' in raw) throw new GatewayError('feed_payload', `FRED must give ${symbol}, was: ${raw.refusal}`)
  const { observation, knownAt, isPast } = raw
  const read = readObservation(observation)
  const id = idOf(knownAt, read?.period ?? 0)
  if (read === undefined || !Number.isSafeInteger(id) || id < 0) {
    const shown = clean(JSON.stringify(observation) ?? 'nothing')
    throw new GatewayError('feed_payload', `an observation of ${symbol} must have days and a value, was ${shown}`)
  }
  const { date: period, realtime_start: vintage } = observation as z.infer<typeof Row>
  const tick = { symbol, id, price: read.value, size: undefined, side: undefined, trades: 1, time: knownAt * 1_000 }
  return [{ ...tick, received, period, vintage, ...(isPast ? { isPast } : {}) }]
}

// --- the part of an observation that we use; realtime_end is the day before the next vintage ---

const Row = z.object({
  realtime_start: z.string(),
  date: z.string(),
  value: z.string().regex(/^(\.|[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?)$/i),
})
