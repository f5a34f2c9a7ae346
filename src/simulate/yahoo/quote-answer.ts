import type { Session } from './exchange-hours.ts'
import type { Print } from './session-tape.ts'
import type { StockMarket } from './stock-market.ts'

/** A row of `/v7/finance/quote`; times are Unix seconds. */
export type QuoteRow = Readonly<Record<string, unknown>>

const MINUTE = 60_000

/** What Yahoo says of a stock at a moment of the market's clock (Unix ms). */
export function quoteRow(market: StockMarket, now: number): QuoteRow {
  const { spec, calendar } = market
  const known = now - spec.delayMinutes * MINUTE
  const state = calendar.stateAt(now)
  const regular = market.regularAt(known)
  const offset = calendar.local.offsetAt(now)
  const extended = extendedFields(market, { state, known, regular })
  return {
    language: 'en-US',
    region: 'US',
    quoteType: spec.quoteType,
    typeDisp: { EQUITY: 'Equity', ETF: 'ETF', INDEX: 'Index' }[spec.quoteType],
    quoteSourceName: spec.delayMinutes > 0 ? 'Delayed Quote' : 'Nasdaq Real Time Price',
    triggerable: true,
    customPriceAlertConfidence: 'HIGH',
    currency: 'USD',
    exchange: spec.exchange[0],
    fullExchangeName: spec.exchange[1],
    shortName: spec.name,
    longName: spec.name,
    exchangeTimezoneName: calendar.local.timeZone,
    exchangeTimezoneShortName: zoneName(calendar.local.timeZone, now),
    gmtOffSetMilliseconds: offset,
    market: 'us_market',
    esgPopulated: false,
    marketState: state,
    ...extended,
    regularMarketTime: seconds(regular.time),
    regularMarketPrice: dollars(regular.cents),
    regularMarketChange: float32(dollars(regular.cents - regular.previousClose)),
    regularMarketChangePercent: float32((regular.cents / regular.previousClose - 1) * 100),
    regularMarketOpen: dollars(regular.open),
    regularMarketDayHigh: dollars(regular.high),
    regularMarketDayLow: dollars(regular.low),
    regularMarketDayRange: `${dollars(regular.low)} - ${dollars(regular.high)}`,
    regularMarketVolume: regular.volume,
    regularMarketPreviousClose: dollars(regular.previousClose),
    sourceInterval: 15,
    exchangeDataDelayedBy: spec.delayMinutes,
    hasPrePostMarketData: spec.quoteType !== 'INDEX',
    priceHint: 2,
    tradeable: false,
    cryptoTradeable: false,
    symbol: spec.symbol,
  }
}

/** Before-hours prices are shown while they are made, after-hours ones until the next day's begin. */
function extendedFields(
  market: StockMarket,
  { state, known, regular }: { readonly state: string; readonly known: number; readonly regular: Print },
): QuoteRow {
  if (state === 'REGULAR') return {}
  const { calendar } = market
  const today = calendar.sessionOf(calendar.local.dayOf(known))
  if (state === 'PRE') {
    const print = today && market.extendedAt({ from: today.pre, to: today.open }, known)
    return print ? priceFields('preMarket', print, regular) : {}
  }
  const last = lastClosed(market, known, today)
  const print = market.extendedAt({ from: last.close, to: last.post }, known)
  return print ? priceFields('postMarket', print, regular) : {}
}

function lastClosed({ calendar }: StockMarket, known: number, today: Session | undefined): Session {
  if (today && known >= today.close) return today
  return calendar.sessionBefore(calendar.local.dayOf(known))
}

function priceFields(prefix: 'preMarket' | 'postMarket', print: Print, regular: Print): QuoteRow {
  return {
    [`${prefix}Time`]: seconds(print.time),
    [`${prefix}Price`]: dollars(print.cents),
    [`${prefix}Change`]: float32(dollars(print.cents - regular.cents)),
    [`${prefix}ChangePercent`]: float32((print.cents / regular.cents - 1) * 100),
  }
}

export function seconds(time: number): number {
  return Math.floor(time / 1000)
}

/** As a quote prints it: at most as many digits as it has cents. */
export function dollars(cents: number): number {
  return Number((cents / 100).toFixed(4))
}

/** Most of Yahoo's numbers went through a float of 32 bits: 74.06 comes as 74.05999755859375. */
export function float32(value: number): number {
  return Math.fround(value)
}

/** `EST`, `EDT`. */
export function zoneName(timeZone: string, now: number): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'short' }).formatToParts(now)
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? timeZone
}
