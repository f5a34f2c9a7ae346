import type { Feed } from '../feed.ts'
import type { Silence } from '../supervise.ts'
import type { MemoryTier } from '../tiers/memory/memory.ts'

const HEARD_EVERY_MS = 12_000
/** Two that were missed, and half of the time for a third. */
const MISSED = 2.5
/** However often a source is asked: a busy machine is no silent source. */
const LEAST_MS = 5_000

/** When a connected feed is `stale`: its streams' clock knows when the source was heard. */
export function silenceOf(
  { name, heardEveryMs = HEARD_EVERY_MS }: Pick<Feed, 'name' | 'heardEveryMs'>,
  memory: Pick<MemoryTier, 'heardAt'>,
): Silence {
  return { heardAt: () => memory.heardAt(name), staleAfterMs: Math.max(LEAST_MS, MISSED * heardEveryMs) }
}
