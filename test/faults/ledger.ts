import type { BinanceSimulator } from '../../src/simulate/binance.ts'
import type { SimulatedMarket } from '../../src/simulate/market.ts'
import type { ServerMessage, TickRow } from '../../src/wire/messages.ts'
import type { Report } from './report.ts'

export type GapMessage = Pick<ServerMessage<'gap'>, 'symbol' | 'from' | 'to' | 'count' | 'status'>

interface Range {
  readonly from: number
  readonly to: number
}

/**
 * What one client has got of one symbol: every trade since its beginning, in order, once, but for the ids of holes that
 * it was told of. It judges each tick as it comes.
 */
export class Ledger {
  readonly symbol: string
  /** The id before the first one that the client must get; undefined: not known yet. */
  begin: number | null | undefined
  /** The newest id; undefined: nothing is known of the stream; null: it was empty. */
  last: number | null | undefined
  /** The first id of the stream, where it was said to have begun later than this client had seen it. */
  begunAnewAt: number | undefined
  /** Holes that were told. */
  readonly told: Range[] = []
  /** Crossed holes whose trades are still to be read. */
  owed: Range[] = []
  /** Those crossed on the connection of the moment that it has not been told to be filled. */
  untold: Range[] = []
  readonly #name: string
  readonly #market: SimulatedMarket
  readonly #report: Report

  constructor(client: string, symbol: string, simulator: BinanceSimulator, report: Report) {
    this.symbol = symbol
    this.#name = `${client} ${symbol}`
    this.#market = simulator.markets.get(`${symbol}USDT`)!
    this.#report = report
  }

  /** The stream stands here: everything after it is to come. */
  beginAfter(cursor: number | null): void {
    this.begin = cursor
    this.last = cursor
  }

  /**
   * A gateway that was killed before it had stored anything knows nothing of what it sent: the stream begins at
   * `oldest`. It is right only if the store has nothing older, which is looked at in the end.
   */
  beginAnew(oldest: number): void {
    this.#report.say(`${this.#name} begins anew at ${oldest}`)
    this.begunAnewAt = oldest
    this.beginAfter(null)
    this.owed = []
    this.untold = []
  }

  /** A new connection: what became of a hole while there was none, nobody tells. */
  connected(): void {
    this.untold = []
  }

  /** Takes the next tick of the stream. */
  accept(row: TickRow): void {
    this.judge(row)
    const { id, prev } = row
    const { last } = this
    if (last === undefined) this.fail(`got ${id} before it was told where the stream stands`)
    if (typeof last === 'number' && id <= last) this.fail(`got ${id} after ${last}: a double, or not in order`)
    if (prev !== last) this.fail(`got ${id} with prev ${prev} after ${last}`)
    if (typeof last === 'number' && id > last + 1) this.#cross({ from: last + 1, to: id - 1 })
    if (last === null) this.begin = id - 1
    this.last = id
    this.#report.wake()
  }

  /** Takes what was said of a hole. */
  gap({ from, to, count, status }: GapMessage): void {
    this.#report.say(`${this.#name} was told of the gap ${from}-${to}, ${status}`)
    if (to < from || count !== to - from + 1) this.fail(`was told of a gap ${from}-${to} of ${count}`)
    if (status === 'unfillable') this.fail(`was told that ${from}-${to} are unfillable, but the source has them`)
    if (status === 'open') this.told.push({ from, to })
    if (status === 'filled') this.untold = this.untold.flatMap((hole) => without(hole, { from, to }))
    this.#report.wake()
  }

  /** Takes the trades of crossed holes that were read again, ascending. */
  reread(rows: readonly TickRow[], { from, to }: Range): void {
    let next = from
    for (const row of rows) {
      if (row.id > to) break
      this.judge(row)
      if (row.id !== next) this.fail(`read ${row.id} where ${next} must be, in the filled gap ${from}-${to}`)
      next = row.id + 1
    }
    if (next <= to) this.fail(`read the filled gap ${from}-${to} only up to ${next - 1}`)
    this.owed = this.owed.filter((range) => range.from < from || range.to > to)
    this.#report.wake()
  }

  /** The trade must be the source's own. */
  judge({ id, price, size, side, time, backfilled }: TickRow): void {
    if (id < this.#market.firstId || id >= this.#market.nextId(Date.now())) {
      this.fail(`got ${id}, which has not happened`)
      return
    }
    const trade = this.#market.trade(id)
    const theirs = { price: Number(trade.price), size: Number(trade.size), side: trade.buyerIsMaker ? 'sell' : 'buy' }
    const isSame = price === theirs.price && size === theirs.size && side === theirs.side && time === trade.time
    if (!isSame) this.fail(`got ${id} as ${JSON.stringify({ price, size, side, time })}, was ${JSON.stringify(theirs)}`)
    if (backfilled !== undefined && backfilled !== true) this.fail(`got ${id} with backfilled ${backfilled}`)
  }

  #cross(hole: Range): void {
    let next = hole.from
    for (const { from, to } of this.told.toSorted((a, b) => a.from - b.from)) {
      if (from <= next && to >= next) next = to + 1
    }
    if (next <= hole.to) this.fail(`lost ${hole.from}-${hole.to}: of ${next}-${hole.to} nothing was told`)
    this.owed.push(hole)
    this.untold.push(hole)
  }

  fail(text: string): void {
    this.#report.fail(`${this.#name} ${text}`)
  }
}

/** What is left of a range. */
function without(range: Range, { from, to }: Range): Range[] {
  const before = { from: range.from, to: Math.min(range.to, from - 1) }
  const after = { from: Math.max(range.from, to + 1), to: range.to }
  return [before, after].filter((part) => part.from <= part.to)
}
