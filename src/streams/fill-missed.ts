import type { Feed } from '../feed.ts'
import type { Sequencer } from '../market/sequencer.ts'
import type { MemoryStream } from '../tiers/memory/memory.ts'
import type { SourcePast } from './ask-source.ts'

export interface FillMissedPorts {
  readonly feed: Feed
  readonly sequencer: Sequencer
  /** At most this many missed trades are fetched; more are a gap (BACKFILL_MAX). */
  readonly backfillMax: number
  /** Runs a question to the source when it is its turn: all streams share the source. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>
}

/**
 * Takes the trades between the newest one of the stream and those that its source has told of, as many as come in `ms`;
 * waiting for its turn counts as well, and none is waited for when nothing was missed. Ticks wait in the sequencer
 * meanwhile.
 * @throws GatewayError feed_broken
 */
export async function fillMissed(
  { instrument, cursor }: MemoryStream,
  { newest, trades }: SourcePast,
  { feed, sequencer, backfillMax, inTurn }: FillMissedPorts,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  const next = trades[0] ?? newest
  if (cursor === null || next === undefined || next.id <= cursor + 1) return
  if (newest !== undefined && newest.id - cursor > backfillMax) return
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(Math.max(1, ms))])
  const ended = new Promise<void>((resolve) => bounded.addEventListener('abort', () => resolve(), { once: true }))
  const ask = async () => {
    if (bounded.aborted) return
    sequencer.hold(instrument.symbol)
    for await (const page of feed.trades?.(instrument, { after: cursor }, bounded, 'urgent') ?? []) {
      if (bounded.aborted) return
      for (const tick of page) if (tick.id < next.id) sequencer.fill(tick)
      if ((page.at(-1)?.id ?? next.id) >= next.id - 1) return
    }
  }
  await Promise.race([inTurn(ask), ended])
}
