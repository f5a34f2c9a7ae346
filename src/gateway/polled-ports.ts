import type { Tally } from '../base/tally.ts'
import { createDelivery } from '../ingest.ts'
import { streamName } from '../market/instrument.ts'
import { periodTime } from '../market/series-candles.ts'
import type { PolledRunPorts } from '../streams/polled/polled-run.ts'
import type { FeedSideParts } from './feed-side.ts'
import { tellMarket } from './tell-market.ts'

/** What is counted of a feed. */
export interface PolledCounts {
  ticks: number
  readonly skipped: Tally
  readonly doubles: Tally
}

/** Where everything a polled feed brings goes: its ticks are stored already when they come here. */
export function polledPorts(parts: FeedSideParts, counts: PolledCounts): PolledRunPorts {
  const { memory, database, waiting, writer, hub, onTick, onStatus, log, now } = parts
  const { skipped, doubles } = counts
  const deliver = createDelivery({
    remember(update) {
      memory.stream(update.symbol)?.append(update)
      counts.ticks += 1
    },
    publish: (update) => hub.publish(update),
    store({ symbol, id }) {
      const stream = memory.stream(symbol)
      if (stream === undefined) return
      stream.durable(id)
      onTick(stream)
    },
  })
  return {
    ...{ memory, database, waiting, deliver, log, now },
    onLate(instrument, update) {
      const { symbol, id, period } = update
      log.debug({ stream: streamName(instrument), id }, 'late tick')
      counts.ticks += 1
      const stream = memory.stream(symbol)
      if (stream === undefined) return
      stream.lateVintage(update)
      stream.cutTail(id)
      if (period !== undefined) hub.revise(symbol, periodTime(period))
      // It may be the newest price, or what that is compared with.
      if (stream.latest?.id === id) onTick(stream)
      hub.requote(symbol)
    },
    storeCandle: (row) => writer.candle(row),
    onRevised: (symbol, time) => hub.revise(symbol, time),
    onState: (symbol, state) => tellMarket(symbol, state, parts),
    onStatus,
    onDouble: ({ symbol, id }) => doubles.count(`${symbol} ${id}`),
    onSkipped: ({ message }) => skipped.count(message),
  }
}
