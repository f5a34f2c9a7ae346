export const ASSET_CLASSES = ['crypto', 'stock', 'macro'] as const
export type AssetClass = (typeof ASSET_CLASSES)[number]

/** What the configuration asks of a source: our name for it and the source's own. */
export interface SymbolMapping {
  /** Canonical, unique in one gateway: `BTC`, `NVDA`, `GDP`. */
  readonly symbol: string
  /** The source's own: `BTCUSDT`. */
  readonly sourceSymbol: string
}

/** One thing with a price, as one source trades it. Another mapping of `BTC` is another instrument. */
export interface Instrument extends SymbolMapping {
  readonly assetClass: AssetClass
  /** The feed's name: `binance`. */
  readonly source: string
  /** Decimals of the price step (tick size): prices are multiples of 10^-priceDigits. */
  readonly priceDigits: number
  /** Decimals of the size step (lot size): sizes are multiples of 10^-sizeDigits, so their sums are exact integers. */
  readonly sizeDigits: number
  readonly about?: InstrumentAbout
}

/** What a source says of an instrument, in its own words; nothing is computed from it but exchange days. */
export interface InstrumentAbout {
  readonly title?: string
  readonly currency?: string
  /** IANA zone of the exchange, in which its days are: `America/New_York`. */
  readonly timeZone?: string
  /** Of a series: `Quarterly`, `Billions of Dollars`, `Seasonally Adjusted Annual Rate`. */
  readonly frequency?: string
  readonly units?: string
  readonly seasonalAdjustment?: string
}

/** The name of the instrument's stream, `binance:BTCUSDT`: what its ids and its history belong to. */
export function streamName(instrument: Pick<Instrument, 'source' | 'sourceSymbol'>): string {
  return `${instrument.source}:${instrument.sourceSymbol}`
}
