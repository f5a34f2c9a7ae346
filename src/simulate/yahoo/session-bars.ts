import type { Session } from './exchange-hours.ts'
import type { SessionTape, StockNoise } from './session-tape.ts'

const MINUTE = 60_000

/** Prices in cents. */
export interface Bar {
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
  /** Of its last print, Unix ms. */
  readonly lastTime: number
}

type Prints = Pick<StockNoise, 'printOf' | 'printsPerMinute'>

/** Folds minutes `from` to `to` (exclusive) as far as they were traded by `time`; undefined when nothing was. */
export function foldMinutes(
  tape: SessionTape,
  { from, to }: { readonly from: number; readonly to: number },
  time: number,
  prints: Prints,
): Bar | undefined {
  let sum: Bar | undefined
  for (let minute = from; minute < to; minute += 1) {
    const start = tape.session.open + minute * MINUTE
    if (start > time) break
    if (tape.traded[minute] === 0) continue
    const bar = start + MINUTE <= time ? wholeMinute(tape, minute) : minuteUntil(tape, minute, time, prints)
    sum = sum && bar ? join(sum, bar) : (sum ?? bar)
  }
  return sum && Number.isNaN(sum.lastTime) ? { ...sum, lastTime: lastPrintTime(tape, { from, to }, time, prints) } : sum
}

/** The bars of whole sessions, each made once: weeks of minutes for one row. */
export function createDayBars(tapeOf: (session: Session) => SessionTape, prints: Prints): (session: Session) => Bar {
  const bars = new Map<number, Bar>()
  return (session) => {
    const known = bars.get(session.day)
    if (known) return known
    const tape = tapeOf(session)
    const bar = foldMinutes(tape, { from: 0, to: tape.minutes }, session.close, prints)!
    bars.set(session.day, bar)
    return bar
  }
}

/** Its last print is looked for when it is known to be the last of the fold. */
function wholeMinute(tape: SessionTape, minute: number): Bar {
  const [open, high] = [tape.open[minute]!, tape.high[minute]!]
  const [low, close] = [tape.low[minute]!, tape.close[minute]!]
  return { open, high, low, close, volume: tape.volume[minute]!, lastTime: Number.NaN }
}

function minuteUntil(tape: SessionTape, minute: number, time: number, prints: Prints): Bar | undefined {
  let bar: Bar | undefined
  for (let place = 0; place < prints.printsPerMinute; place += 1) {
    const print = prints.printOf(tape, minute, place)
    if (print.time > time) break
    const volume = Math.floor((tape.volume[minute]! * (place + 1)) / prints.printsPerMinute)
    const { open, high, low } = bar ?? { open: print.cents, high: print.cents, low: print.cents }
    bar = {
      open,
      high: Math.max(high, print.cents),
      low: Math.min(low, print.cents),
      close: print.cents,
      volume,
      lastTime: print.time,
    }
  }
  return bar
}

function lastPrintTime(
  tape: SessionTape,
  { from, to }: { readonly from: number; readonly to: number },
  time: number,
  prints: Prints,
): number {
  const reached = Math.floor((time - tape.session.open) / MINUTE)
  for (let minute = Math.min(to - 1, reached); minute >= from; minute -= 1) {
    if (tape.traded[minute] === 0) continue
    for (let place = prints.printsPerMinute - 1; place >= 0; place -= 1) {
      const print = prints.printOf(tape, minute, place)
      if (print.time <= time) return print.time
    }
  }
  throw new RangeError(`a bar must have a print, had none by ${time}`)
}

function join(left: Bar, right: Bar): Bar {
  return {
    open: left.open,
    high: Math.max(left.high, right.high),
    low: Math.min(left.low, right.low),
    close: right.close,
    volume: left.volume + right.volume,
    lastTime: right.lastTime,
  }
}
