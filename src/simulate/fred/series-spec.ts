/** How a made-up series looks and behaves. */
export interface SeriesSpec {
  readonly id: string
  readonly title: string
  readonly frequency: 'Daily' | 'Monthly' | 'Quarterly'
  readonly units: string
  readonly unitsShort: string
  readonly seasonalAdjustment: string
  readonly seasonalAdjustmentShort: string
  readonly popularity: number
  readonly digits: number
  /** The first day of its first period. */
  readonly begins: string
  /** Its value then, and by how much of itself it grows from period to period. */
  readonly level: number
  readonly growth: number
  /** How far it swings around that, and by how much a first estimate is off, both as shares of the value. */
  readonly swing: number
  readonly error: number
  /** How often a period is published: GDP three times. */
  readonly estimates: number
  /** How many past periods are revised once a year. */
  readonly revisedYearly: number
  /** The share of periods without a value. */
  readonly missing: number
}

const PERCENT = { units: 'Percent', unitsShort: '%' }
const INDEX = { units: 'Index 1982-1984=100', unitsShort: 'Index 1982-1984=100' }
const ADJUSTED = { seasonalAdjustment: 'Seasonally Adjusted', seasonalAdjustmentShort: 'SA' }
const NOT_ADJUSTED = { seasonalAdjustment: 'Not Seasonally Adjusted', seasonalAdjustmentShort: 'NSA' }
const ANNUAL_RATE = { seasonalAdjustment: 'Seasonally Adjusted Annual Rate', seasonalAdjustmentShort: 'SAAR' }

/** The five that a gateway asks for when it is told nothing else. */
export const SERIES: readonly SeriesSpec[] = [
  {
    ...{ id: 'GDP', title: 'Gross Domestic Product', frequency: 'Quarterly', popularity: 93, digits: 3 },
    ...{ units: 'Billions of Dollars', unitsShort: 'Bil. of $', ...ANNUAL_RATE },
    ...{ begins: '1990-01-01', level: 5_872.701, growth: 0.0112, swing: 0.004, error: 0.003 },
    ...{ estimates: 3, revisedYearly: 8, missing: 0 },
  },
  {
    ...{ id: 'CPIAUCSL', frequency: 'Monthly', popularity: 95, digits: 3, ...INDEX, ...ADJUSTED },
    title: 'Consumer Price Index for All Urban Consumers: All Items in U.S. City Average',
    ...{ begins: '1990-01-01', level: 127.5, growth: 0.0021, swing: 0.003, error: 0.0006 },
    ...{ estimates: 1, revisedYearly: 24, missing: 0.004 },
  },
  {
    ...{ id: 'UNRATE', title: 'Unemployment Rate', frequency: 'Monthly', popularity: 95, digits: 1 },
    ...{ ...PERCENT, ...ADJUSTED, begins: '1990-01-01', level: 5.4, growth: 0, swing: 0.3, error: 0.015 },
    ...{ estimates: 1, revisedYearly: 24, missing: 0.004 },
  },
  {
    ...{ id: 'FEDFUNDS', title: 'Federal Funds Effective Rate', frequency: 'Monthly', popularity: 98, digits: 2 },
    ...{ ...PERCENT, ...NOT_ADJUSTED, begins: '1990-01-01', level: 3.2, growth: 0, swing: 0.6, error: 0 },
    ...{ estimates: 1, revisedYearly: 0, missing: 0 },
  },
  {
    ...{ id: 'DGS10', frequency: 'Daily', popularity: 94, digits: 2, ...PERCENT, ...NOT_ADJUSTED },
    title: 'Market Yield on U.S. Treasury Securities at 10-Year Constant Maturity',
    // Above 2000 vintages, more than FRED gives at once.
    ...{ begins: '2016-01-04', level: 3.1, growth: 0, swing: 0.35, error: 0.004 },
    ...{ estimates: 1, revisedYearly: 0, missing: 0.04 },
  },
]
