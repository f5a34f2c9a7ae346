import { createPricePath, hash, seedFor, unit } from '../noise.ts'
import type { Session } from './exchange-hours.ts'
import { type DatedSplit, splitRatio } from './splits.ts'
import type { StockSpec } from './stock-specs.ts'

const MINUTE = 60_000

/** Where every price path begins: a price is a pure function of seed, symbol and moment, whenever it is asked for. */
const ORIGIN = Date.UTC(2025, 0, 1)

/** The minutes of a session, by place; prices in cents as they were called then, before later splits. */
export interface SessionTape {
  readonly session: Session
  readonly minutes: number
  readonly open: Float64Array
  readonly high: Float64Array
  readonly low: Float64Array
  readonly close: Float64Array
  readonly volume: Float64Array
  /** 0: nothing was traded in that minute, and its prices mean nothing. */
  readonly traded: Uint8Array
}

/** A price at a moment (Unix ms, whole seconds). */
export interface Print {
  readonly time: number
  readonly cents: number
}

/** Makes up what a stock does: a pure function of seed and moment. */
export interface StockNoise {
  tapeOf(session: Session): SessionTape
  /** The `place`-th print of a minute of the tape that was traded, from 0 to `printsPerMinute - 1`, rising in time. */
  printOf(tape: SessionTape, minute: number, place: number): Print
  /** The one print of a minute outside of regular hours; some have none. */
  extendedPrint(minuteStart: number): Print | undefined
  readonly printsPerMinute: number
}

/** @param printsPerMinute divides 60 and is at least 4: first, high, low and last */
export function createStockNoise(
  spec: StockSpec,
  stockSeed: number,
  splits: readonly DatedSplit[],
  printsPerMinute: number,
): StockNoise {
  const own = (use: string) => seedFor(stockSeed, use)
  const seeds = { quiet: own('quiet'), range: own('range'), volume: own('volume'), print: own('print') }
  const path = createPricePath(own('path'), spec.hourlyDeviation)
  const slotSeconds = 60 / printsPerMinute
  const centsAt = (time: number, ratio: number) =>
    Math.max(1, Math.round(spec.price * ratio * Math.exp(path((time - ORIGIN) / 1000)) * 100))
  const spreadOf = (cents: number, n: number) =>
    Math.round(cents * spec.hourlyDeviation * 0.08 * unit(seeds.range, n)) + (hash(seeds.range, n) & 1)

  return {
    printsPerMinute,
    tapeOf(session) {
      const minutes = Math.round((session.close - session.open) / MINUTE)
      const column = () => new Float64Array(minutes)
      const columns = { open: column(), high: column(), low: column(), close: column(), volume: column() }
      const traded = new Uint8Array(minutes)
      const ratio = splitRatio(splits, session.open)
      let open = centsAt(session.open, ratio)
      for (let place = 0; place < minutes; place += 1) {
        const start = session.open + place * MINUTE
        const n = start / MINUTE
        const close = centsAt(start + MINUTE, ratio)
        columns.open[place] = open
        columns.close[place] = close
        columns.high[place] = Math.max(open, close) + spreadOf(open, 2 * n)
        columns.low[place] = Math.max(1, Math.min(open, close) - spreadOf(open, 2 * n + 1))
        // The auction that opens a session always trades.
        traded[place] = place > 0 && unit(seeds.quiet, n) < spec.quietShare ? 0 : 1
        columns.volume[place] =
          traded[place]! * Math.round(spec.minuteVolume * ratio * (0.4 + 1.2 * unit(seeds.volume, n)))
        open = close
      }
      return { session, minutes, traded, ...columns }
    },
    printOf(tape, minute, place) {
      const n = tape.session.open / MINUTE + minute
      const bits = hash(seeds.print, n * 64 + place)
      const jitter = minute === 0 && place === 0 ? 0 : bits % slotSeconds
      const time = n * MINUTE + (place * slotSeconds + jitter) * 1000
      return {
        time,
        cents: centsOf(tape, minute, place, { bits, turn: hash(seeds.print, ~n), last: printsPerMinute - 1 }),
      }
    },
    extendedPrint(minuteStart) {
      const n = minuteStart / MINUTE
      if (spec.quoteType === 'INDEX' || unit(seeds.quiet, n) < 0.3) return undefined
      const time = minuteStart + (hash(seeds.print, n * 64) % 60) * 1000
      return { time, cents: centsAt(minuteStart, splitRatio(splits, minuteStart)) }
    },
  }
}

/** The first print opens the minute, the last closes it, one in between is its high and another its low. */
function centsOf(
  tape: SessionTape,
  minute: number,
  place: number,
  { bits, turn, last }: { readonly bits: number; readonly turn: number; readonly last: number },
): number {
  if (place === 0) return tape.open[minute]!
  if (place === last) return tape.close[minute]!
  const inner = last - 1
  const high = 1 + (turn % inner)
  const low = 1 + ((turn + 1) % inner)
  if (place === high) return tape.high[minute]!
  if (place === low) return tape.low[minute]!
  return tape.low[minute]! + Math.round((bits / 4_294_967_296) * (tape.high[minute]! - tape.low[minute]!))
}
