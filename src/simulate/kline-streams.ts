import { type Audience, encode, type StreamBatches } from './audience.ts'
import type { History } from './history.ts'
import { INTERVAL_MS, type Interval } from './kline.ts'
import type { SimulatedMarket } from './market.ts'
import { klinePayload } from './stream-payload.ts'

/** One market and its klines. */
export interface EmittedMarket {
  readonly market: SimulatedMarket
  readonly history: History
}

const KLINE_PUSH_MS = { '1s': 1_000, longer: 2_000 } as const

/** A stream that nobody heard for so long begins again with the open kline. */
const FORGOTTEN_MS = 10 * 60_000

/**
 * Makes the `@kline_<interval>` pushes that are due, from who asks to what they get. Every bucket that ended since
 * the last push is sent once more, closed, before the open one.
 */
export function createKlineStreams(markets: readonly EmittedMarket[]) {
  const known = new Map<string, { readonly source: EmittedMarket; readonly interval: Interval }>()
  for (const source of markets) {
    for (const interval of Object.keys(INTERVAL_MS) as readonly Interval[]) {
      known.set(`${source.market.symbol.toLowerCase()}@kline_${interval}`, { source, interval })
    }
  }
  const pushes = new Map<string, { readonly at: number; readonly openTime: number }>()

  return (audience: Audience, now: number): Map<string, StreamBatches> => {
    const batches = new Map<string, StreamBatches>()
    for (const [stream, modes] of audience) {
      const asked = known.get(stream)
      if (!asked) continue
      const { source, interval } = asked
      const last = pushes.get(stream)
      if (last && now - last.at < KLINE_PUSH_MS[interval === '1s' ? '1s' : 'longer']) continue
      const eventTime = source.market.clock(now)
      const range = last && now - last.at < FORGOTTEN_MS ? { startTime: last.openTime, limit: 1000 } : { limit: 1 }
      const due = source.history.klines(interval, range, now)
      const open = due.at(-1)
      if (!open) continue
      pushes.set(stream, { at: now, openTime: open.openTime })
      const payloads = due.map((kline) =>
        klinePayload(source.market, interval, kline, { eventTime, closed: kline.openTime < open.openTime }),
      )
      batches.set(stream, encode(stream, modes, payloads))
    }
    return batches
  }
}
