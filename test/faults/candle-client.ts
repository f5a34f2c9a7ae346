import type { Timeframe } from '../../src/market/timeframe.ts'
import type { ServerMessage } from '../../src/wire/messages.ts'
import { LastingConnection } from './connection.ts'
import type { Report } from './report.ts'

export const WATCHED: readonly Timeframe[] = ['1s', '1m']

type CandleMessage = ServerMessage<'candle'>

/** A chart: a snapshot on every connection, then each change; it judges the changes, and holds the picture of them. */
export class CandleClient {
  /** What should not have come. */
  readonly failures: string[] = []
  readonly #name: string
  readonly #symbols: readonly string[]
  readonly #report: Report
  readonly #connection: LastingConnection
  /** By symbol and timeframe, by time: `[open, high, low, close, volume]`. */
  readonly #pictures = new Map<string, Map<number, readonly number[]>>()
  readonly #newest = new Map<string, CandleMessage>()

  constructor(name: string, url: string, symbols: readonly string[], report: Report) {
    this.#name = name
    this.#symbols = symbols
    this.#report = report
    this.#connection = new LastingConnection(url, {
      open: (send) => this.#ask(send),
      message: (message) => this.#take(message),
      // What a gateway showed that is gone says nothing of the next one.
      closed: () => this.#forget(),
    })
  }

  /** The picture of one symbol's candles as it is now. */
  picture(symbol: string, timeframe: Timeframe): ReadonlyMap<number, readonly number[]> {
    return this.#pictures.get(`${symbol} ${timeframe}`) ?? new Map()
  }

  stop(): void {
    this.#connection.stop()
  }

  #ask(send: (message: object) => void): void {
    this.#report.say(`${this.#name} asks`)
    this.#forget()
    for (const timeframe of WATCHED) {
      send({ op: 'subscribe', channel: 'candles', symbols: this.#symbols, timeframe, history: 500, interval: 0 })
    }
  }

  #forget(): void {
    this.#pictures.clear()
    this.#newest.clear()
  }

  #take(message: ServerMessage): void {
    if (message.type === 'error') {
      this.#report.say(`${this.#name} is refused: ${message.code} ${message.message}`)
      this.#connection.leave(50)
    }
    if (message.type === 'candle') this.#change(message)
    if (message.type === 'ws_history' && message.channel === 'candles') {
      const rows = message.candles.map(([time, ...row]) => [time, row] as const)
      this.#pictures.set(`${message.symbol} ${message.timeframe}`, new Map(rows))
      this.#report.wake()
    }
  }

  #change(candle: CandleMessage): void {
    const { symbol, timeframe, time, open, high, low, close, volume, final, revision } = candle
    const key = `${symbol} ${timeframe} ${time}`
    const before = this.#newest.get(key)
    if (before && revision < before.revision) this.#fail(`${key} went back to revision ${revision}`)
    const isSame = before && before.volume === volume && before.close === close && before.trades === candle.trades
    if (before?.final && revision === before.revision && !(final && isSame)) {
      this.#fail(`${key} was final, and changed: ${JSON.stringify(before)} to ${JSON.stringify(candle)}`)
    }
    this.#newest.set(key, candle)
    this.#pictures.get(`${symbol} ${timeframe}`)?.set(time, [open, high, low, close, volume])
    this.#report.wake()
  }

  #fail(text: string): void {
    this.failures.push(`${this.#name} ${text}`)
  }
}
