import { connect } from '../../src/client/node.ts'
import type { Timeframe } from '../../src/market/timeframe.ts'
import type { ComparedCandle } from './exchange-klines.ts'

export interface CandleWatch {
  /** What the last frame of each bucket said. */
  readonly candles: ReadonlyMap<string, readonly ComparedCandle[]>
  /** What a client must not see. */
  readonly faults: readonly string[]
  /** How many buckets were ended. */
  readonly ends: number
}

/** Follows the candles of these symbols with a client of its own, until `signal` aborts; the last of each are kept. */
export async function watchCandles(
  url: string,
  symbols: readonly string[],
  timeframe: Timeframe,
  signal: AbortSignal,
): Promise<CandleWatch> {
  const candles = new Map(symbols.map((symbol) => [symbol, new Map<number, ComparedCandle>()]))
  const finals = new Map<string, number>()
  const faults: string[] = []
  const ended: number[] = []
  const gateway = connect(url, { onNotice: () => undefined, signal })
  for await (const event of gateway.candles(symbols, { timeframe, interval: 0 }, signal)) {
    if (event.type === 'interval_end') {
      if (event.time <= (ended.at(-1) ?? 0)) faults.push(`${timeframe}: the end of ${event.time} came twice`)
      ended.push(event.time)
    }
    if (event.type !== 'candle') continue
    const at = `${event.symbol} ${timeframe} ${event.time}`
    const told = finals.get(at)
    if (told === undefined && event.final && event.revision === 0 && event.time <= (ended.at(-1) ?? 0)) {
      faults.push(`${at}: final only after its interval_end`)
    }
    if (told !== undefined && (!event.final || event.revision < told)) faults.push(`${at}: went back`)
    if (event.final) finals.set(at, event.revision)
    candles.get(event.symbol)?.set(event.time, event)
  }
  const ascending = (rows: ReadonlyMap<number, ComparedCandle>) => [...rows.values()].sort((a, b) => a.time - b.time)
  return {
    candles: new Map([...candles].map(([symbol, rows]) => [symbol, ascending(rows)])),
    faults,
    ends: ended.length,
  }
}
