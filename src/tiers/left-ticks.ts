import type { Gap } from './database/database.ts'
import { SPOOL_FULL } from './spool/drop.ts'
import { SPOOL_DAMAGED } from './spool/loss-watch.ts'

/** The reason of a gap whose ticks have left the writer's queue at its bound. */
export const WRITER_FULL = 'database backlog'

const REASONS: readonly (string | undefined)[] = [WRITER_FULL, SPOOL_FULL, SPOOL_DAMAGED]

/** Its ticks were on the stream and are in its candles: whoever fetches them again MUST NOT fold them again. */
export function isFolded({ reason }: Pick<Gap, 'reason'>): boolean {
  return REASONS.includes(reason)
}
