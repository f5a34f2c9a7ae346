import type { HubStats } from '../hub/hub.ts'
import { CLOSE } from '../wire/close-codes.ts'
import { counter, gauge, type Labels, type Metric } from './metric.ts'

/** Ours, and those that libraries and browsers send; a client may make up any of thousands. */
const TOLD_CODES: ReadonlySet<string> = new Set(
  [...Object.values(CLOSE).map(({ code }) => code), 1000, 1001, 1002, 1005, 1006, 1009].map(String),
)

export function hubMetrics(hub: { readonly stats: HubStats }): readonly Metric[] {
  return [
    gauge('tickgate_hub_sessions', 'WebSocket connections.', () => hub.stats.sessions),
    gauge('tickgate_hub_subscriptions', 'Subscriptions of all connections.', () => hub.stats.subscriptions),
    counter('tickgate_hub_frames_total', 'Frames written to clients.', () => hub.stats.framesSent),
    counter(
      'tickgate_hub_closes_total',
      'Ended connections by close code; a code that only a client could mean is `other`.',
      () => closes(hub.stats),
      ['code'],
    ),
  ]
}

function closes({ closesByCode }: HubStats): readonly [Labels, number][] {
  const told = new Map<string, number>()
  for (const [code, count] of Object.entries(closesByCode)) {
    const label = TOLD_CODES.has(code) ? code : 'other'
    told.set(label, (told.get(label) ?? 0) + count)
  }
  return [...told].map(([code, count]) => [{ code }, count])
}
