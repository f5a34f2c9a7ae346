import { GatewayError } from '../base/errors.ts'
import type { Instrument } from '../market/instrument.ts'
import type { Hole, Sequencer } from '../market/sequencer.ts'
import type { Tick } from '../market/tick.ts'
import { bucketStart } from '../market/timeframe.ts'
import type { CandleRow } from '../tiers/database/database.ts'
import type { MemoryStream } from '../tiers/memory/memory.ts'
import type { SourcePast } from './ask-source.ts'

export interface TakeSourcePorts {
  readonly sequencer: Sequencer
  /** Candles taken from the source, to be stored. */
  readonly store: (row: CandleRow) => void
  /** The candles that hold the moment `time` are the source's now. */
  readonly onRevised: (symbol: string, time: number) => void
  /** What lies between the stream and the place where it goes on; told before the ticks there. */
  readonly onGap: (instrument: Instrument, hole: Hole, reason: string) => void
  readonly now: () => number
}

export const MISSED = 'trades were missed while the gateway was away'

/**
 * Makes an instrument's candles the source's own: finished ones are taken whole, open ones are composed up to the
 * running minute, and every trade since then is folded in. Trades that the stream has not got go out; what lies before
 * them is told as a gap. Synchronous, so that no tick can come in between and be counted twice, or not at all. May be
 * called again: nothing is counted twice.
 * @throws GatewayError feed_broken when the source must be asked anew: memory no longer has what came since it was.
 */
export function takeSource(stream: MemoryStream, past: SourcePast, ports: TakeSourcePorts): void {
  const { instrument, history, clock, cursor } = stream
  const { sequencer, store, onRevised, now } = ports
  const { candles, minute, trades, newest } = past
  const through = trades.at(-1)?.id ?? newest?.id ?? null
  const since = ticksSince(through, stream)
  const next = trades[0] ?? newest
  const isBroken = cursor !== null && next !== undefined && next.id > cursor + 1
  for (const taken of history.takeSource(candles, minute, isBroken ? stream.latest?.time : undefined)) {
    store({ instrument, ...taken })
    onRevised(instrument.symbol, history.calendar.beginOf(taken.timeframe, taken.candle.time))
  }
  // Its candles up to there are finished, so it is as late as that there, at least.
  if (minute > 0) clock.observeLate(minute, now())
  const seconds = new Set<number>()
  for (const tick of [...trades, ...since]) {
    if (cursor !== null && tick.id <= cursor) {
      history.fold(tick)
      seconds.add(bucketStart('1s', tick.time))
    } else pass(tick, instrument, ports)
  }
  // Nobody has got these as ticks: who looks at their candles has no other way to hear of them.
  for (const second of seconds) onRevised(instrument.symbol, second)
  // Not one trade in the running minute: finished candles hold them all, and the stream goes on with the newest.
  const last = sequencer.last(instrument.symbol)
  if (newest !== undefined && (last === null || last < newest.id)) pass(newest, instrument, ports)
  history.wholeThrough(through ?? -1)
  stream.warm = true
}

/** What the stream has got since the source answered. */
function ticksSince(through: number | null, stream: MemoryStream): readonly Tick[] {
  const { cursor } = stream
  if (cursor === null || (through !== null && cursor <= through)) return []
  const since = stream.tailAfter(through, Number.POSITIVE_INFINITY)
  // Late ticks that were found meanwhile are in the candles that are about to be forgotten, and not in the tail.
  const hasLate = stream.gaps().some(({ to }) => through === null || to > through)
  if (since === undefined || hasLate) {
    throw new GatewayError('feed_broken', `the source must be asked anew, its answer was up to ${through}`)
  }
  return since
}

function pass(tick: Tick, instrument: Instrument, { sequencer, onGap }: TakeSourcePorts): void {
  const { symbol } = instrument
  const last = sequencer.last(symbol)
  if (last !== null && tick.id > last + 1) {
    onGap(instrument, { symbol, from: last + 1, to: tick.id - 1 }, MISSED)
    sequencer.start(symbol, last, tick.id)
  }
  sequencer.fill(tick)
}
