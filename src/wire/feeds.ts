import { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import { SERVICE_STATES } from '../base/service-state.ts'
import type { StatusRow } from './messages.ts'

/** One feed as `/api/v1/feeds` tells it. Counts are since the start of the gateway; times are Unix ms. */
export interface FeedRow extends Omit<StatusRow, 'feed' | 'tier'> {
  readonly feed: string
  /** Those that are asked of it; none of a feed that the configuration switches off. */
  readonly symbols: readonly string[]
  /** The newest that it has brought; absent before the first. */
  readonly lastTick?: LastTick
  /** Over the last ten seconds. */
  readonly ticksPerSecond: number
  /** How long after it happened the newest live tick was received (ms); absent before the first. */
  readonly lag?: number
  /** How often its source was lost. */
  readonly restarts: number
  readonly ticks: number
  /** Holes that were told. */
  readonly gaps: number
  /** Messages that could not be read. */
  readonly skipped: number
  /** Ticks that a stream had already. */
  readonly doubles: number
}

export interface LastTick {
  readonly symbol: string
  readonly id: number
  readonly time: number
  readonly received: number
}

/** One tier as the status channel tells it. */
export interface TierRow extends Omit<StatusRow, 'feed' | 'tier'> {
  readonly tier: string
}

/** How everything is that the gateway needs. */
export interface FeedsAnswer {
  readonly feeds: readonly FeedRow[]
  readonly tiers: readonly TierRow[]
}

const status = { state: z.enum(SERVICE_STATES), since: z.number(), reason: z.string().exactOptional() }
const count = z.int().nonnegative()
const Answer: z.ZodType<FeedsAnswer> = z.object({
  feeds: z.array(
    z.object({
      ...{ feed: z.string(), ...status, symbols: z.array(z.string()) },
      lastTick: z.object({ symbol: z.string(), id: z.int(), time: z.number(), received: z.number() }).exactOptional(),
      ...{ ticksPerSecond: z.number(), lag: z.number().exactOptional() },
      ...{ restarts: count, ticks: count, gaps: count, skipped: count, doubles: count },
    }),
  ),
  tiers: z.array(z.object({ tier: z.string(), ...status })),
})

/** Reads a gateway's answer. @throws GatewayError bad_message */
export function readFeedsAnswer(answer: unknown): FeedsAnswer {
  const result = Answer.safeParse(answer)
  if (result.success) return result.data
  const was = JSON.stringify(answer)?.slice(0, 200)
  throw new GatewayError('bad_message', `the answer must be the feeds of a gateway, was ${was}`)
}
