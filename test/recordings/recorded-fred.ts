import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HttpAnswer } from '../fakes/http-source.ts'

export interface RecordedRow {
  readonly realtime_start: string
  readonly realtime_end: string
  readonly date: string
  readonly value: string
}

export interface RecordedBody {
  readonly observations: readonly RecordedRow[]
  readonly vintage_dates: readonly string[]
  readonly seriess: readonly { readonly id: string; readonly last_updated: string }[]
}

/** Reads a body that the real FRED has sent: `obs_GDP_all_vintages__poll1`. */
export async function readBody(directory: string, name: string): Promise<RecordedBody> {
  return JSON.parse(await readFile(join(directory, 'fred', `${name}.json`), 'utf8')) as RecordedBody
}

/** What the real FRED said of one series at one time, to be asked as it is asked. */
export interface RecordedSeries {
  readonly series: RecordedBody
  readonly observations: RecordedBody
  readonly vintageDates: readonly string[]
}

/** Answers from recorded bodies; of a real-time period that was not recorded with what FRED would have cut out for it. */
export function answerFrom({ series, observations, vintageDates }: RecordedSeries, url: URL): HttpAnswer {
  const start = url.searchParams.get('realtime_start') ?? ''
  if (url.pathname === '/fred/series') return { body: series }
  if (url.pathname === '/fred/series/updates') return { body: { count: 1, seriess: series.seriess } }
  if (url.pathname === '/fred/series/vintagedates') {
    const dates = vintageDates.filter((date) => date >= start)
    return { body: { count: dates.length, vintage_dates: dates } }
  }
  const rows = observations.observations.filter((row) => row.realtime_end >= start)
  const cut = rows.map((row) => (row.realtime_start < start ? { ...row, realtime_start: start } : row))
  return { body: { ...observations, count: cut.length, observations: cut } }
}
