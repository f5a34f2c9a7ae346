/** An aggregate trade in whole steps of its market: exact, and cheap to make by the million. */
export interface TradeSteps {
  readonly id: number
  /** In units of 10^-priceDigits. */
  readonly priceSteps: number
  /** In units of 10^-sizeDigits. */
  readonly sizeSteps: number
  /** The raw trades this one holds, both ends included. */
  readonly firstTradeId: number
  readonly lastTradeId: number
  /** Unix ms by the exchange's clock. */
  readonly time: number
  /** The resting order bought, so the taker sold. */
  readonly buyerIsMaker: boolean
}

/** An aggregate trade with the decimal strings that the exchange prints: eight places. */
export interface AggTrade extends TradeSteps {
  readonly price: string
  readonly size: string
}

/** What the exchange says of a symbol in `exchangeInfo`. */
export interface MarketFacts {
  /** The exchange's own name: `BTCUSDT`. */
  readonly symbol: string
  readonly baseAsset: string
  readonly quoteAsset: string
  readonly priceDigits: number
  readonly sizeDigits: number
  readonly status: 'TRADING' | 'BREAK'
}

/** One symbol's trades, whether made up or recorded. Ids rise by one; times never fall. */
export interface SimulatedMarket extends MarketFacts {
  /** The oldest id there is. */
  readonly firstId: number
  /** One past the newest trade at wall time `now`: what the exchange has seen happen so far. Never falls. */
  nextId(now: number): number
  /** The first id whose trade happens at or after `time` (exchange's clock), whether it has happened yet or not. */
  idAt(time: number): number
  steps(id: number): TradeSteps
  trade(id: number): AggTrade
  /** The exchange's clock at wall time `now`, Unix ms. */
  clock(now: number): number
  /** One-minute candles of the time before the first trade, where the market has such a past. */
  readonly past: MinutePast | undefined
}

/** The minutes before a market's first trade. Times are Unix ms and whole minutes. */
export interface MinutePast {
  readonly from: number
  readonly until: number
  minute(openTime: number): Kline
}

/** A candle in whole steps; the quote sums are in units of 10^-(priceDigits + sizeDigits). */
export interface Kline {
  readonly openTime: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
  readonly quoteVolume: bigint
  /** Raw trades; 0 when nothing traded, and then the four prices are the last one before. */
  readonly trades: number
  /** Of trades whose taker bought. */
  readonly buyVolume: number
  readonly buyQuoteVolume: bigint
  /** Raw trade ids; -1 where none is known. */
  readonly firstTradeId: number
  readonly lastTradeId: number
}
