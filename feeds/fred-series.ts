// https://fred.stlouisfed.org/docs/api/fred/series.html
import { z } from 'zod'
import { GatewayError } from '../src/base/errors.ts'
import type { Resolved } from '../src/feed.ts'
import type { Instrument, SymbolMapping } from '../src/market/instrument.ts'
import type { FredAnswer, FredClient } from './fred-client.ts'

/** What FRED says of a series beside its values. */
export interface FredSeries {
  readonly id: string
  readonly about: NonNullable<Instrument['about']>
  /** Unix seconds. */
  readonly lastUpdated: number
}

/** Decimals to show: FRED says nothing of them, and a number that followed the values would make another instrument. */
const PERCENT_DIGITS = 2
const DIGITS = 3

/**
 * Asks which of `symbols` FRED has. `onSeries` is told of each that it has.
 * @throws GatewayError feed_refused when it has none of them
 */
export async function resolveSeries(
  client: FredClient,
  symbols: readonly SymbolMapping[],
  onSeries: (series: FredSeries) => void,
  signal: AbortSignal,
): Promise<Resolved> {
  const instruments: Instrument[] = []
  const refused: { symbol: string; reason: string }[] = []
  for (const { symbol, sourceSymbol } of symbols) {
    const answer = await askSeries(client, sourceSymbol, signal)
    if ('refusal' in answer) {
      refused.push({ symbol, reason: `FRED has no series ${sourceSymbol}: ${answer.refusal}` })
      continue
    }
    onSeries(answer.body)
    const { about } = answer.body
    const priceDigits = about.units?.startsWith('Percent') ? PERCENT_DIGITS : DIGITS
    instruments.push({ symbol, sourceSymbol, assetClass: 'macro', source: 'fred', priceDigits, sizeDigits: 0, about })
  }
  if (instruments.length > 0) return { instruments, refused }
  const reasons = refused.map(({ reason }) => reason).join('; ')
  throw new GatewayError('feed_refused', `MACRO_SERIES must name a series that FRED has, was: ${reasons}`)
}

export async function askSeries(client: FredClient, id: string, signal: AbortSignal): Promise<FredAnswer<FredSeries>> {
  const answer = await client.ask({ path: 'series', parameters: { series_id: id } }, SeriesList, signal)
  if ('refusal' in answer) return answer
  const [series] = answer.body.seriess
  return series === undefined ? { refusal: 'The list is empty.' } : { body: series }
}

// --- the part of a series that we use ---

const LAST_UPDATED = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})([+-]\d{2})(?::?(\d{2}))?$/

/** `2025-03-27 07:51:52-05` as Unix seconds; NaN for anything else. */
export function parseLastUpdated(text: string): number {
  const [, day, time, hours, minutes = '00'] = LAST_UPDATED.exec(text) ?? []
  return Date.parse(`${day}T${time}${hours}:${minutes}`) / 1_000
}

const LastUpdated = z
  .string()
  .transform(parseLastUpdated)
  .refine((time) => time >= 0, 'must be a moment such as 2025-03-27 07:51:52-05')

const Series = z
  .object({
    id: z.string(),
    title: z.string(),
    frequency: z.string(),
    units: z.string(),
    seasonal_adjustment: z.string(),
    last_updated: LastUpdated,
  })
  .transform(
    ({ id, title, frequency, units, seasonal_adjustment: seasonalAdjustment, last_updated }): FredSeries => ({
      id,
      about: { title, frequency, units, seasonalAdjustment },
      lastUpdated: last_updated,
    }),
  )

const SeriesList = z.object({ seriess: z.array(Series) })

/** Of a list of updates only what tells that there is news. */
export const UpdatedSeries = z.object({ id: z.string(), last_updated: LastUpdated })
