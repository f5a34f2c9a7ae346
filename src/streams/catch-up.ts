import { setImmediate as nextTurn } from 'node:timers/promises'
import { type BackoffBounds, fullJitterMs, pause } from '../base/backoff.ts'
import { isGatewayError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { readAhead } from '../base/read-ahead.ts'
import type { Feed } from '../feed.ts'
import type { Instrument } from '../market/instrument.ts'
import type { Hole, Sequencer } from '../market/sequencer.ts'
import type { Cursor, Tick } from '../market/tick.ts'

export interface CatchUpPorts {
  readonly feed: Feed
  readonly sequencer: Sequencer
  /** How long a tick waits behind a hole, at most (ms); then the hole is told, and filled in the background. */
  readonly holdBackMs: number
  /** More missed trades than this are not fetched but told (BACKFILL_MAX). */
  readonly backfillMax: number
  /** A hole was given up for now: subscribers and the database are told. */
  readonly onGap: (instrument: Instrument, hole: Hole, reason: string) => void
  /** The stream of this instrument runs live. */
  readonly onLive: (instrument: Instrument) => void
  /** The source was asked to its end: nothing is missing behind the newest tick of this instrument. */
  readonly onWhole: (instrument: Instrument) => void
  /** Runs a question to the source when it is its turn: all streams share the source. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>
  /** A second connection brings the same trades. */
  readonly isOverlapping: () => boolean
  /** Between two questions while the source does not help. */
  readonly retry?: BackoffBounds
  readonly log: Log
  readonly now: () => number
}

const RETRY: BackoffBounds = { firstMs: 50, maxMs: 1_000 }
/** What the one connection has lost, the other brings within this time, sooner than the source answers. */
const OVERLAP_MS = 200

/**
 * Closes the hole between a stream and the ticks that wait behind it, by asking the source for the ids between. The
 * ticks go out in id order, marked backfilled. No tick waits longer than `holdBackMs`: then what is still missing is
 * told, and the stream goes on. Resolves when nothing waits any more or on abort; with `too much` when more is missing
 * than may be fetched: then ticks still wait. What a tick waited before `began` is not counted; while none waits, the
 * source has as long to answer from `asked` on (ms).
 */
export async function catchUp(
  instrument: Instrument,
  ports: CatchUpPorts,
  signal: AbortSignal,
  began = ports.now(),
  asked = began,
): Promise<'live' | 'too much' | 'stopped'> {
  const { sequencer, holdBackMs, backfillMax, onLive, onWhole, retry = RETRY, now } = ports
  const { symbol } = instrument
  const leftMs = () => {
    const { since } = sequencer.position(symbol)
    return (since === undefined ? asked : Math.max(since, began)) + holdBackMs - now()
  }
  if (await isClosedByOther(symbol, ports, signal)) return goLive(instrument, onLive)
  let attempt = 0
  while (!signal.aborted) {
    const { last, waiting } = sequencer.position(symbol)
    if (last !== null && waiting !== undefined && waiting - last - 1 > backfillMax) return 'too much'
    const failure = await fillWithin(leftMs(), instrument, ports, signal)
    if (signal.aborted) break
    if (failure === undefined) onWhole(instrument)
    // Nothing waits, but what may have been missed could not be asked for: the stream is not known to be whole.
    const isUncertain = failure !== undefined && sequencer.position(symbol).waiting === undefined && leftMs() > 0
    if (!isUncertain && sequencer.release(symbol)) return goLive(instrument, onLive)
    while (!isUncertain && leftMs() <= 0) {
      const reason = failure ?? 'the source does not have these ids'
      if (giveUp(instrument, reason, ports)) return goLive(instrument, onLive)
    }
    if (sequencer.position(symbol).last !== last) attempt = 0
    else await pause(Math.min(fullJitterMs(attempt++, retry), Math.max(0, leftMs())), signal)
  }
  return 'stopped'
}

/** Whether the other of two connections has brought what is missing; asks nobody. */
async function isClosedByOther(symbol: string, ports: CatchUpPorts, signal: AbortSignal): Promise<boolean> {
  const { sequencer, isOverlapping } = ports
  if (!isOverlapping() || sequencer.position(symbol).waiting === undefined) return false
  await pause(OVERLAP_MS, signal)
  return !signal.aborted && sequencer.release(symbol)
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
    // Waiting for its turn counts as well. A source that does not heed its signal is left behind: what it still brings
    // is not taken (see fillOnce).
    await Promise.race([ports.inTurn(() => fillOnce(instrument, ports, bounded)), ended])
    return late.aborted ? `the source did not bring these ids within ${ports.holdBackMs} ms` : undefined
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
  if (signal.aborted || last === null || feed.trades === undefined) return
  const meets = (page: readonly Tick[], waiting: Cursor | undefined) =>
    waiting !== undefined && waiting <= (page.at(-1)?.id ?? 0) + 1
  const isMoreWanted = (page: readonly Tick[]) => !meets(page, sequencer.position(instrument.symbol).waiting)
  const pages = feed.trades(instrument, { after: last }, signal, 'urgent')
  for await (const page of readAhead(pages, isMoreWanted)) {
    if (signal.aborted) return
    for (const tick of page) sequencer.fill(tick)
    if (meets(page, sequencer.position(instrument.symbol).waiting)) return
    // Live traffic of the other symbols goes first.
    await nextTurn()
  }
}
