// https://fred.stlouisfed.org/docs/api/fred/
//
// question              when                                         what we do
// series                at the start; at times                       title, units, when it was last updated
// series/updates        every poll                                   which series have news
// series/vintagedates   before observations                          windows of at most 2000 vintages
// series/observations   at the start; when a series was updated      each vintage that is not known: a tick
//
// Each part has a file. What is asked: fred-series.ts, fred-updates.ts, fred-vintages.ts; how: fred-client.ts,
// fred-http.ts, how often: fred-pace.ts, and what is never said: fred-redaction.ts. What is news: fred-known.ts; what it means: fred-row.ts, fred-day.ts. All of it
// together: fred-receive.ts.
import { type Clock, systemClock } from '../src/base/clock.ts'
import type { Feed } from '../src/feed.ts'
import type { SymbolMapping } from '../src/market/instrument.ts'
import { createFredClient } from './fred-client.ts'
import { createPace } from './fred-pace.ts'
import { type FredMemory, receiveVintages } from './fred-receive.ts'
import { createRedaction } from './fred-redaction.ts'
import { type FredRow, normalizeRow } from './fred-row.ts'
import { resolveSeries } from './fred-series.ts'
import { FredUpdates, UPDATES_A_PAGE } from './fred-updates.ts'
import { VINTAGE_PAGES } from './fred-vintages.ts'

export interface FredOptions {
  readonly symbols: readonly SymbolMapping[]
  /** It is in no message and no error. */
  readonly apiKey: string
  /** Origin; default: the public host. */
  readonly url?: string | undefined
  readonly pollMs: number
  /** Unix ms: stamps what is received. */
  readonly now?: () => number
  readonly bounds?: Partial<FredBounds>
  readonly clock?: Clock
}

export interface FredBounds {
  /** Between the beginnings of two requests. */
  readonly spacingMs: number
  /** Longest wait for an answer. */
  readonly requestMs: number
  readonly mostBytes: number
  readonly rowsAPage: number
  readonly datesAWindow: number
  readonly rowsAWindow: number
  readonly updatesAPage: number
}

const PUBLIC_URL = 'https://api.stlouisfed.org'

const BOUNDS: FredBounds = {
  // FRED allows two a second.
  spacingMs: 550,
  requestMs: 30_000,
  // A full page of observations is a twelfth of it.
  mostBytes: 32 * 2 ** 20,
  ...VINTAGE_PAGES,
  updatesAPage: UPDATES_A_PAGE,
}

/** Observations of FRED's series, each as it was published on a day: all that there were, then new ones by polling. */
export function createFredFeed(options: FredOptions): Feed<FredRow> {
  const { symbols, apiKey, url = PUBLIC_URL, pollMs, now = Date.now, clock = systemClock } = options
  const bounds = { ...BOUNDS, ...options.bounds }
  const { spacingMs, requestMs, mostBytes, updatesAPage } = bounds
  const clean = createRedaction(apiKey)
  const client = createFredClient({ url, apiKey, clean, requestMs, mostBytes, pace: createPace(spacingMs, clock) })
  const memory: FredMemory = {
    ...{ known: new Map(), unsure: new Set(), troubled: new Set(), begun: new Set(), whole: new Set() },
    ...{ read: new Map(), doubted: new Set(), told: new Map() },
  }
  const polling = { client, memory, pollMs, now, pages: bounds }
  return {
    name: 'fred',
    assetClass: 'macro',
    ids: 'given',
    symbols,
    heardEveryMs: pollMs,
    resolve: (signal) =>
      resolveSeries(client, symbols, ({ id, lastUpdated }) => memory.told.set(id, lastUpdated), signal),
    receive: (instruments, events, signal) =>
      receiveVintages({ ...polling, updates: new FredUpdates(client, updatesAPage) }, instruments, events, signal),
    normalize: (raw, received) => normalizeRow(raw, received, clean),
  }
}
