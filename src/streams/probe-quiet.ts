import { pause } from '../base/backoff.ts'
import { describeError, isGatewayError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Feed } from '../feed.ts'
import type { Sequencer } from '../market/sequencer.ts'
import type { MemoryStream, MemoryTier } from '../tiers/memory/memory.ts'

export interface ProbeQuietPorts {
  readonly feed: Feed
  readonly memory: MemoryTier
  readonly sequencer: Sequencer
  /** A stream without a tick for so long is asked for, and again after as long. */
  readonly quietMs: number
  readonly log: Log
  readonly now: () => number
}

const LOOKS_PER_QUIET = 10
/** What has just happened is still on its way through the socket: it is no hole. */
const ON_ITS_WAY_MS = 2_000

/**
 * Finds holes that no later trade shows: asks the source, now and then, what follows the newest tick of a stream that
 * is quiet, or that could not be asked when it began. One question at a time, at a polite pace. Ends when the signal aborts; never rejects.
 */
export async function probeQuiet(ports: ProbeQuietPorts, signal: AbortSignal): Promise<void> {
  const { feed, memory, quietMs, log, now } = ports
  const probedAt = new WeakMap<MemoryStream, number>()
  while (await pause(quietMs / LOOKS_PER_QUIET, signal)) {
    for (const stream of [...memory.streams()]) {
      const { instrument, latest, live, whole } = stream
      const heardAt = Math.max(latest?.received ?? 0, probedAt.get(stream) ?? 0)
      if (instrument.source !== feed.name || !live || (whole && now() - heardAt < quietMs)) continue
      probedAt.set(stream, now())
      try {
        const missed = await probe(stream, ports, signal)
        if (missed > 0) log.warn({ symbol: instrument.symbol, missed }, 'a quiet stream had a hole')
      } catch (error) {
        const level = isGatewayError(error) ? 'debug' : 'error'
        if (!signal.aborted) log[level]({ symbol: instrument.symbol, reason: describeError(error) }, 'a probe failed')
      }
      if (signal.aborted) return
    }
  }
}

/** Returns how many trades had been missed. */
async function probe(stream: MemoryStream, ports: ProbeQuietPorts, signal: AbortSignal): Promise<number> {
  const { feed, sequencer, now } = ports
  const { symbol } = stream.instrument
  const last = sequencer.last(symbol)
  if (last === null) return 0
  let missed = 0
  for await (const page of feed.trades?.(stream.instrument, { after: last }, signal, 'polite') ?? []) {
    const settled = (stream.clock.now(now()) ?? 0) - ON_ITS_WAY_MS
    for (const tick of page) {
      if (signal.aborted || tick.time > settled) return missed
      if (tick.id > (sequencer.last(symbol) ?? -1)) missed++
      sequencer.fill(tick)
    }
  }
  if (!signal.aborted && stream.live) stream.whole = true
  return missed
}
