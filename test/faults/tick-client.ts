import type { ServerMessage } from '../../src/wire/messages.ts'
import { LastingConnection } from './connection.ts'
import type { Ledger } from './ledger.ts'
import type { Report } from './report.ts'

/** A client of the bare protocol: it resumes after its last id, and believes nothing. */
export class TickClient {
  readonly ledgers: readonly Ledger[]
  readonly #name: string
  readonly #report: Report
  readonly #connection: LastingConnection
  readonly #rereads = new Set<LastingConnection>()
  readonly #url: string
  /** The request whose answers are taken, by symbol. */
  #asked = new Map<string, 'nothing yet' | 'history' | 'live'>()

  constructor(name: string, url: string, ledgers: readonly Ledger[], report: Report) {
    this.#name = name
    this.#url = url
    this.ledgers = ledgers
    this.#report = report
    this.#connection = new LastingConnection(url, {
      open: (send) => this.#ask(send),
      message: (message) => this.#take(message),
    })
  }

  leave(ms: number): void {
    this.#report.say(`${this.#name} leaves`)
    this.#connection.leave(ms)
  }

  stop(): void {
    this.#connection.stop()
    for (const reread of this.#rereads) reread.stop()
  }

  /** Reads the trades of every crossed hole, again and again until they are there. */
  readOwed(): void {
    for (const ledger of this.ledgers) for (const range of ledger.owed) this.#reread(ledger, range, false)
  }

  #ask(send: (message: object) => void): void {
    this.#asked = new Map(this.ledgers.map(({ symbol }) => [symbol, 'nothing yet']))
    for (const ledger of this.ledgers) ledger.connected()
    const known = this.ledgers.filter(({ last }) => typeof last === 'number')
    const fresh = this.ledgers.filter(({ last }) => typeof last !== 'number')
    const after = Object.fromEntries(known.map(({ symbol, last }) => [symbol, last]))
    this.#report.say(`${this.#name} asks after ${JSON.stringify(after)}`)
    const names = (ledgers: readonly Ledger[]) => ledgers.map(({ symbol }) => symbol)
    if (known.length > 0) send({ op: 'subscribe', id: 1, channel: 'ticks', symbols: names(known), after })
    if (fresh.length > 0) send({ op: 'subscribe', id: 2, channel: 'ticks', symbols: names(fresh), history: 0 })
  }

  #take(message: ServerMessage): void {
    if (message.type === 'subscribed') this.#granted(message)
    if (message.type === 'ws_history') this.#history(message)
    if (message.type === 'tick') this.#live(message)
    if (message.type === 'gap') {
      this.#ledger(message.symbol).gap(message)
      if (message.status === 'filled') this.readFilled(message)
    }
    if (message.type === 'error') this.#refused(message)
    if (message.type === 'lost') this.#fail(`was told of a loss: ${JSON.stringify(message)}`)
  }

  #live(tick: ServerMessage<'tick'>): void {
    if (this.#asked.get(tick.symbol) !== 'live') this.#fail(`got a live tick ${tick.id} before its history`)
    this.#ledger(tick.symbol).accept(tick)
  }

  /** Reads again what a filled gap held of a hole that was crossed. */
  readFilled({ symbol, from, to }: { readonly symbol: string; readonly from: number; readonly to: number }): void {
    const ledger = this.#ledger(symbol)
    for (const range of ledger.owed) if (range.from >= from && range.to <= to) this.#reread(ledger, range, true)
  }

  #granted({ resume = {} }: ServerMessage<'subscribed'>): void {
    for (const [symbol, verdict] of Object.entries(resume)) {
      if (verdict.state !== 'complete') this.#ledger(symbol).beginAnew(verdict.oldest)
    }
  }

  #history(message: ServerMessage<'ws_history'>): void {
    if (message.channel !== 'ticks') return
    const { symbol, ticks, cursor, more, truncated } = message
    const ledger = this.#ledger(symbol)
    if (truncated && ledger.begunAnewAt !== ticks[0]?.id) this.#fail(`got a truncated history of ${symbol}`)
    if (this.#asked.get(symbol) === 'live') this.#fail(`got a history of ${symbol} when it was live`)
    if (typeof ledger.last !== 'number' && ticks.length === 0) ledger.beginAfter(cursor)
    for (const row of ticks) ledger.accept(row)
    if (cursor !== ledger.last) this.#fail(`got a history of ${symbol} as of ${cursor}, its last is ${ledger.last}`)
    this.#asked.set(symbol, more ? 'history' : 'live')
  }

  #refused({ code, message, retry, symbol }: ServerMessage<'error'>): void {
    this.#report.say(`${this.#name} is refused ${symbol}: ${code} ${message}`)
    if (!retry) this.#fail(`was refused for good: ${code} ${message}`)
    this.#connection.leave(50)
  }

  #reread(ledger: Ledger, range: { readonly from: number; readonly to: number }, isFilled: boolean): void {
    const rows: Parameters<Ledger['reread']>[0][number][] = []
    const reread = new LastingConnection(this.#url, {
      open(send) {
        rows.length = 0
        send({
          op: 'subscribe',
          channel: 'ticks',
          symbols: [ledger.symbol],
          after: { [ledger.symbol]: range.from - 1 },
        })
      },
      message: (message) => {
        if (message.type === 'error') reread.leave(50)
        if (message.type === 'tick') rows.push(message)
        if (message.type === 'ws_history' && message.channel === 'ticks') rows.push(...message.ticks)
        if ((rows.at(-1)?.id ?? 0) <= range.to || !this.#rereads.has(reread)) return
        const isThere = rows[range.to - range.from]?.id === range.to
        if (isThere || isFilled) {
          this.#rereads.delete(reread)
          reread.stop()
          ledger.reread(rows, range)
        } else reread.leave(100)
      },
    })
    this.#rereads.add(reread)
  }

  #ledger(symbol: string): Ledger {
    return this.ledgers.find((ledger) => ledger.symbol === symbol)!
  }

  #fail(text: string): void {
    this.#report.fail(`${this.#name} ${text}`)
  }
}
