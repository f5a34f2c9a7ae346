import type { SymbolMapping } from '../market/instrument.ts'
import { isSymbol, readMapping, SYMBOL_LIST_RULE, splitList } from '../market/symbol-list.ts'
import { text } from './fields.ts'

/** What a crypto symbol means where nothing else is said: its pair with USDT, `BTC` is Binance's `BTCUSDT`. */
export function binanceSymbol(symbol: string): string {
  return `${symbol}USDT`
}

/** Stocks and series are known to their sources by the names that we use. */
export function sameSymbol(symbol: string): string {
  return symbol
}

/** A comma-separated list of symbols; `toSourceSymbol` names those that are not mapped by hand. */
export function symbolList(toSourceSymbol: (symbol: string) => string) {
  return text
    .transform((list): readonly SymbolMapping[] => splitList(list).map((entry) => readMapping(entry, toSourceSymbol)))
    .refine(
      (mappings) => mappings.every(({ symbol, sourceSymbol }) => isSymbol(symbol) && isSymbol(sourceSymbol)),
      SYMBOL_LIST_RULE,
    )
}

export const plainSymbols = text
  .transform((list) => splitList(list.toUpperCase()))
  .refine(
    (symbols) => symbols.every(isSymbol),
    'must be a comma-separated list of symbols, each of 1 to 32 of A-Z 0-9 . _ ^ = -',
  )

/** One use of a name that an earlier one has already. */
export interface Clash {
  /** The variable of the later use. */
  readonly variable: string
  readonly rule: string
}

/** A symbol stands for one instrument, and an instrument of a source has one symbol: every breach of either. */
export function findClashes(lists: readonly (readonly [variable: string, mappings: readonly SymbolMapping[]])[]) {
  const clashes: Clash[] = []
  const firstBySymbol = new Map<string, string>()
  for (const [variable, mappings] of lists) {
    const symbolBySource = new Map<string, string>()
    for (const { symbol, sourceSymbol } of mappings) {
      const use = `${sourceSymbol} in ${variable}`
      const first = firstBySymbol.get(symbol)
      const twin = symbolBySource.get(sourceSymbol)
      if (first) clashes.push({ variable, rule: clashRule(symbol, first, use, sourceSymbol) })
      else if (twin) clashes.push({ variable, rule: `must map ${sourceSymbol} once, not to ${twin} and ${symbol}` })
      if (!first) firstBySymbol.set(symbol, use)
      if (!twin) symbolBySource.set(sourceSymbol, symbol)
    }
  }
  return clashes
}

function clashRule(symbol: string, first: string, second: string, sourceSymbol: string): string {
  const alias = `${symbol}_2=${sourceSymbol}`.slice(0, 64)
  return `must not use the symbol ${symbol} twice (${first}, ${second}): give one of them an alias, such as ${alias}`
}
