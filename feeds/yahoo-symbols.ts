import { z } from 'zod'
import type { Resolved } from '../src/feed.ts'
import type { Instrument, InstrumentAbout, SymbolMapping } from '../src/market/instrument.ts'
import { SYMBOLS_PER_QUOTE, type YahooClient } from './yahoo-client.ts'

/** Of a price, where Yahoo does not say; and the most, with which sums of price times size are exact. */
const USUAL_DIGITS = 2
const MOST_DIGITS = 4

/** Asks which of `symbols` Yahoo has, and what it calls them. @throws GatewayError feed_broken */
export async function resolveSymbols(
  client: YahooClient,
  symbols: readonly SymbolMapping[],
  signal: AbortSignal,
): Promise<Resolved> {
  const venueSymbols = [...new Set(symbols.map(({ sourceSymbol }) => sourceSymbol))]
  const listed = new Map<string, YahooSymbol>()
  for (let n = 0; n < venueSymbols.length; n += SYMBOLS_PER_QUOTE) {
    const rows = await client.quote(venueSymbols.slice(n, n + SYMBOLS_PER_QUOTE), signal)
    for (const row of rows) {
      const known = YahooSymbol.safeParse(row)
      if (known.success) listed.set(known.data.symbol, known.data)
    }
  }
  const instruments: Instrument[] = []
  const refused: { symbol: string; reason: string }[] = []
  for (const mapping of symbols) {
    const found = judge(mapping, listed.get(mapping.sourceSymbol), instruments)
    if (typeof found === 'string') refused.push({ symbol: mapping.symbol, reason: found })
    else instruments.push(found)
  }
  return { instruments, refused }
}

/** The instrument, or the reason why there is none. */
function judge(
  { symbol, sourceSymbol }: SymbolMapping,
  listed: YahooSymbol | undefined,
  taken: readonly Instrument[],
): Instrument | string {
  if (!listed) return `Yahoo has no symbol ${sourceSymbol}`
  // One stream has one name here: quotes could not be told apart by their symbol.
  const twin = taken.find((instrument) => instrument.sourceSymbol === sourceSymbol)
  if (twin) return `${sourceSymbol} is already ${twin.symbol}`
  return {
    symbol,
    sourceSymbol,
    assetClass: 'stock',
    source: 'yahoo',
    priceDigits: Math.min(listed.priceHint ?? USUAL_DIGITS, MOST_DIGITS),
    sizeDigits: 0,
    about: aboutOf(listed),
  }
}

function aboutOf({ longName, shortName, currency, exchangeTimezoneName }: YahooSymbol): InstrumentAbout {
  const title = longName ?? shortName
  return {
    ...(title !== undefined && { title }),
    ...(currency !== undefined && { currency }),
    ...(exchangeTimezoneName !== undefined && { timeZone: exchangeTimezoneName }),
  }
}

// --- the part of a row that we use; one with an odd price is still one of a symbol ---

const Word = z.string().min(1).optional().catch(undefined)

const YahooSymbol = z.object({
  symbol: z.string(),
  longName: Word,
  shortName: Word,
  currency: Word,
  exchangeTimezoneName: Word,
  priceHint: z.int().nonnegative().optional().catch(undefined),
})
type YahooSymbol = z.infer<typeof YahooSymbol>
