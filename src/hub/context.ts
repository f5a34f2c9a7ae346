import type { CandlePages } from './candles/candle-pages.ts'
import type { Flusher } from './flusher.ts'
import type { HubLimits } from './limits.ts'
import type { PerTurn } from './per-turn.ts'
import type { Replays } from './replay/replays.ts'
import type { HubSource } from './source.ts'
import type { StatusChannel } from './status-channel.ts'
import type { TickPages } from './ticks/tick-pages.ts'
import type { Topics } from './topics.ts'

/** The part of a pino logger that the hub uses. */
export interface HubLog {
  debug(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What all sessions share. */
export interface HubContext {
  readonly source: HubSource
  readonly topics: Topics
  readonly statuses: StatusChannel
  readonly flusher: Flusher
  readonly pages: TickPages
  readonly candlePages: CandlePages
  readonly partTurns: PerTurn
  readonly replays: Replays
  readonly limits: HubLimits
  readonly log: HubLog
  /** Unix ms. */
  readonly now: () => number
}
