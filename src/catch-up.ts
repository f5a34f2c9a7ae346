import { setImmediate as nextTurn } from 'node:timers/promises'
import { type BackoffBounds, fullJitterMs, pause } from './base/backoff.ts'
import { describeError, isGatewayError } from './base/errors.ts'
import type { Log } from './base/log.ts'
import type { Feed } from './feed.ts'
import type { Instrument } from './market/instrument.ts'
import type { Hole, Sequencer } from './market/sequencer.ts'

export interface CatchUpPorts {
  readonly feed: Feed
  readonly sequencer: Sequencer
  /** How long a stream may wait for its source before it goes on with a hole that is told (ms). */
  readonly holdBackMs: number
  /** A hole was given up for now: subscribers and the database are told. */
  readonly onGap: (instrument: Instrument, hole: Hole, reason: string) => void
  /** The stream of this instrument runs live. */
  readonly onLive: (instrument: Instrument) => void
  /** Between two questions while the source does not help. */
  readonly retry?: BackoffBounds
  readonly log: Log
  readonly now: () => number
}

const RETRY: BackoffBounds = { firstMs: 50, maxMs: 1_000 }

/**
 * Closes the hole between a stream and the ticks that wait behind it, by asking the source for the ids between. The
 * ticks go out in id order, marked backfilled. When the source has not helped for `holdBackMs`, the stream goes on and
 * the hole is told. Resolves when nothing waits any more, or on abort.
 */
export async function catchUp(instrument: Instrument, ports: CatchUpPorts, signal: AbortSignal): Promise<void> {
  const { feed, sequencer, holdBackMs, onGap, onLive, retry = RETRY, log, now } = ports
  const { symbol } = instrument
  let progress = now()
  let attempt = 0
  let reason = 'the source does not have these ids'
  while (!signal.aborted) {
    const before = sequencer.position(symbol).last
    try {
      await fillOnce(instrument, feed, sequencer, signal)
    } catch (error) {
      if (!isGatewayError(error, 'feed_broken', 'feed_payload')) throw error
      reason = describeError(error)
      log.warn({ feed: feed.name, symbol, reason }, 'asking the source for missed trades failed')
    }
    if (sequencer.position(symbol).last !== before) [progress, attempt] = [now(), 0]
    if (sequencer.release(symbol)) return onLive(instrument)
    if (now() - progress >= holdBackMs) {
      const hole = sequencer.skip(symbol)
      if (hole !== undefined) onGap(instrument, hole, reason)
    } else {
      await pause(fullJitterMs(attempt++, retry), signal)
    }
  }
}

/** Reads pages from the source until they meet the ticks that wait, or until the source has no more. */
async function fillOnce(instrument: Instrument, feed: Feed, sequencer: Sequencer, signal: AbortSignal): Promise<void> {
  const { last } = sequencer.position(instrument.symbol)
  if (last === null || feed.trades === undefined) return
  for await (const page of feed.trades(instrument, { after: last }, signal)) {
    for (const tick of page) sequencer.fill(tick)
    const { waiting } = sequencer.position(instrument.symbol)
    if (waiting !== undefined && waiting <= (page.at(-1)?.id ?? 0) + 1) return
    // Live traffic of the other symbols goes first.
    await nextTurn()
  }
}
