import type { CandleEvent, PriceMessage } from '../src/client/browser.ts'
import { decimals } from './numbers.ts'

/** What the page knows of one symbol. */
export interface Quote {
  readonly symbol: string
  readonly price: number
  readonly stale: boolean
  /** Decimals to show: the most that any price of it has had. */
  readonly digits: number
  /** Since the day began, of an observation since the one before, as a share; undefined until that is known. */
  readonly change: number | undefined
  /** Against the price before. */
  readonly direction: 'up' | 'down' | undefined
}

/** Keeps the latest quote of every symbol. */
export class Quotes {
  readonly #quotes = new Map<string, Quote>()
  readonly #opens = new Map<string, number>()
  /** Of observations: the value before. */
  readonly #befores = new Map<string, number>()
  readonly #onQuote: (quote: Quote) => void

  constructor(onQuote: (quote: Quote) => void) {
    this.#onQuote = onQuote
  }

  get(symbol: string): Quote | undefined {
    return this.#quotes.get(symbol)
  }

  price({ symbol, price, stale, change24h, volume24h }: PriceMessage): void {
    // An observation without a value: the one before it stays.
    if (price === null) return
    // What has no volume is an observation: its change is against the one before.
    if (change24h !== undefined && volume24h === undefined) this.#befores.set(symbol, price - change24h)
    const before = this.#quotes.get(symbol)
    const moved = before === undefined || before.price === price ? undefined : before.price < price ? 'up' : 'down'
    const digits = Math.max(before?.digits ?? 2, decimals(price))
    this.#keep({ symbol, price, stale, digits, change: undefined, direction: moved })
  }

  /** Takes the candles of the day: where it opened is what `change` is against. */
  day(event: CandleEvent): void {
    if (event.type === 'interval_end') return
    const open = event.type === 'snapshot' ? event.candles.at(-1)?.[1] : event.open
    if (open === undefined || this.#opens.get(event.symbol) === open) return
    this.#opens.set(event.symbol, open)
    const quote = this.#quotes.get(event.symbol)
    if (quote) this.#keep({ ...quote, direction: undefined })
  }

  #keep(quote: Quote): void {
    const open = this.#befores.get(quote.symbol) ?? this.#opens.get(quote.symbol)
    const kept = { ...quote, change: open ? quote.price / open - 1 : undefined }
    this.#quotes.set(quote.symbol, kept)
    this.#onQuote(kept)
  }
}
