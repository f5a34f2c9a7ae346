import { setImmediate as nextTurn } from 'node:timers/promises'
import { type BackoffBounds, fullJitterMs, pause } from '../base/backoff.ts'
import { isGatewayError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Feed } from '../feed.ts'
import type { Instrument } from '../market/instrument.ts'
import type { Hole, Sequencer } from '../market/sequencer.ts'

export interface CatchUpPorts {
  readonly feed: Feed
  readonly sequencer: Sequencer
  /** How long a stream may wait for its source without getting a tick further, before the hole is told (ms). */
  readonly holdBackMs: number
  /** More missed trades than this are not fetched but told (BACKFILL_MAX). */
  readonly backfillMax: number
  /** A hole was given up for now: subscribers and the database are told. */
  readonly onGap: (instrument: Instrument, hole: Hole, reason: string) => void
  /** The stream of this instrument runs live. */
  readonly onLive: (instrument: Instrument) => void
  /** Runs a question to the source when it is its turn: all streams share the source. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>
  /** Between two questions while the source does not help. */
  readonly retry?: BackoffBounds
  readonly log: Log
  readonly now: () => number
}

const RETRY: BackoffBounds = { firstMs: 50, maxMs: 1_000 }

/**
 * Closes the hole between a stream and the ticks that wait behind it, by asking the source for the ids between. The
 * ticks go out in id order, marked backfilled. When the source has not helped for `holdBackMs`, the hole is told and
 * the stream goes on. Resolves when nothing waits any more or on abort; with `too much` when more is missing than may
 * be fetched: then ticks still wait.
 */
export async function catchUp(
  instrument: Instrument,
  ports: CatchUpPorts,
  signal: AbortSignal,
): Promise<'live' | 'too much' | 'stopped'> {
  const { sequencer, holdBackMs, backfillMax, onLive, inTurn, retry = RETRY, now } = ports
  const { symbol } = instrument
  let progress = now()
  let attempt = 0
  while (!signal.aborted) {
    const { last, waiting } = sequencer.position(symbol)
    if (last !== null && waiting !== undefined && waiting - last - 1 > backfillMax) return 'too much'
    // Waiting for its turn counts as well: a stream is held back by its source, or by the others' sources.
    const failure = await inTurn(() => fillWithin(holdBackMs - (now() - progress), instrument, ports, signal))
    if (signal.aborted) break
    const isLate = now() - progress >= holdBackMs
    // Nothing waits, but what may have been missed could not be asked for: the stream is not known to be whole.
    const isUncertain = failure !== undefined && sequencer.position(symbol).waiting === undefined && !isLate
    if (!isUncertain && sequencer.release(symbol)) return goLive(instrument, onLive)
    if (sequencer.position(symbol).last !== last) {
      progress = now()
      attempt = 0
    } else if (isLate) {
      if (giveUp(instrument, failure ?? 'the source does not have these ids', ports)) return goLive(instrument, onLive)
    } else {
      await pause(fullJitterMs(attempt++, retry), signal)
    }
  }
  return 'stopped'
}

function goLive(instrument: Instrument, onLive: CatchUpPorts['onLive']): 'live' {
  onLive(instrument)
  return 'live'
}

/** Tells the hole and lets the waiting ticks go on behind it, in one turn. True when none waits any more. */
function giveUp(instrument: Instrument, reason: string, { sequencer, onGap }: CatchUpPorts): boolean {
  const hole = sequencer.skip(instrument.symbol)
  if (hole !== undefined) onGap(instrument, hole, reason)
  return sequencer.release(instrument.symbol)
}

/** Goes on without every hole that there is. */
export function giveUpAll(instrument: Instrument, reason: string, ports: CatchUpPorts): void {
  while (!giveUp(instrument, reason, ports));
  ports.onLive(instrument)
}

/** Asks the source once, for at most `ms`. Returns what went wrong; undefined when the source was asked to the end. */
async function fillWithin(
  ms: number,
  instrument: Instrument,
  ports: CatchUpPorts,
  signal: AbortSignal,
): Promise<string | undefined> {
  const late = AbortSignal.timeout(Math.max(1, ms))
  const bounded = AbortSignal.any([signal, late])
  const ended = new Promise<void>((resolve) => bounded.addEventListener('abort', () => resolve(), { once: true }))
  try {
    // A source that does not heed its signal is left behind: what it still brings is not taken (see fillOnce).
    await Promise.race([fillOnce(instrument, ports, bounded), ended])
    return late.aborted ? `the source did not answer within ${ports.holdBackMs} ms` : undefined
  } catch (error) {
    if (!isGatewayError(error)) throw error
    if (!signal.aborted) {
      const { symbol } = instrument
      ports.log.warn({ feed: ports.feed.name, symbol, reason: error.message }, 'asking for missed trades failed')
    }
    return error.message
  }
}

/** Reads pages from the source until they meet the ticks that wait, or until the source has no more. */
async function fillOnce(instrument: Instrument, { feed, sequencer }: CatchUpPorts, signal: AbortSignal): Promise<void> {
  const { last } = sequencer.position(instrument.symbol)
  if (last === null || feed.trades === undefined) return
  for await (const page of feed.trades(instrument, { after: last }, signal)) {
    if (signal.aborted) return
    for (const tick of page) sequencer.fill(tick)
    const { waiting } = sequencer.position(instrument.symbol)
    if (waiting !== undefined && waiting <= (page.at(-1)?.id ?? 0) + 1) return
    // Live traffic of the other symbols goes first.
    await nextTurn()
  }
}
