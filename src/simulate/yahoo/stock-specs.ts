import { seedFor, unit } from '../noise.ts'

/** What is fixed about a simulated stock. */
export interface StockSpec {
  readonly symbol: string
  readonly name: string
  readonly quoteType: 'EQUITY' | 'ETF' | 'INDEX'
  /** Yahoo's code of the exchange, and its name. */
  readonly exchange: readonly [code: string, name: string]
  /** Around which it moves, after every split. */
  readonly price: number
  readonly hourlyDeviation: number
  /** Shares in a usual minute; 0 for an index. */
  readonly minuteVolume: number
  /** The part of its minutes in which nothing trades. */
  readonly quietShare: number
  readonly delayMinutes: number
}

type Row = readonly [
  symbol: string,
  name: string,
  quoteType: StockSpec['quoteType'],
  price: number,
  hourlyDeviation: number,
  minuteVolume: number,
]

const ROWS: readonly Row[] = [
  ['NVDA', 'NVIDIA Corporation', 'EQUITY', 178.9, 0.008, 480_000],
  ['AAPL', 'Apple Inc.', 'EQUITY', 271.5, 0.004, 120_000],
  ['MSFT', 'Microsoft Corporation', 'EQUITY', 472.1, 0.004, 58_000],
  ['TSLA', 'Tesla, Inc.', 'EQUITY', 391.1, 0.011, 230_000],
  ['SPY', 'State Street SPDR S&P 500 ETF', 'ETF', 659, 0.002, 190_000],
  ['AMZN', 'Amazon.com, Inc.', 'EQUITY', 220.7, 0.005, 140_000],
  ['BRK-B', 'Berkshire Hathaway Inc.', 'EQUITY', 504, 0.003, 12_000],
  ['^GSPC', 'S&P 500', 'INDEX', 6_603, 0.002, 0],
]

const EXCHANGES = { EQUITY: ['NMS', 'NasdaqGS'], ETF: ['PCX', 'NYSEArca'], INDEX: ['SNP', 'SNP'] } as const

/** Some well-known symbols, and `extra` made-up ones: SIM001 and so on, thinly traded, every third told late. */
export function stockSpecs(seed: number, extra: number): readonly StockSpec[] {
  return [...ROWS.map(knownSpec), ...Array.from({ length: extra }, (_, index) => inventedSpec(seed, index + 1))]
}

function knownSpec([symbol, name, quoteType, price, hourlyDeviation, minuteVolume]: Row): StockSpec {
  const exchange = EXCHANGES[quoteType]
  const quietShare = 0.004
  return { symbol, name, quoteType, exchange, price, hourlyDeviation, minuteVolume, quietShare, delayMinutes: 0 }
}

function inventedSpec(seed: number, number: number): StockSpec {
  const digits = String(number).padStart(3, '0')
  return {
    symbol: `SIM${digits}`,
    name: `Simulated ${digits} Inc.`,
    quoteType: 'EQUITY',
    exchange: ['NYQ', 'NYSE'],
    price: 5 * 10 ** (2 * unit(seedFor(seed, digits), 0)),
    hourlyDeviation: 0.01,
    minuteVolume: 700,
    quietShare: 0.3,
    delayMinutes: number % 3 === 0 ? 15 : 0,
  }
}
