import { GatewayError } from '../base/errors.ts'
import type { SymbolMapping } from './instrument.ts'

const SYMBOL = /^[A-Z0-9._^=-]{1,32}$/

export const SYMBOL_LIST_RULE =
  'must be a comma-separated list of SYMBOL or SYMBOL=SOURCE_SYMBOL, each of 1 to 32 of A-Z 0-9 . _ ^ = -'

/** Whether a text can be a symbol, ours or a source's. */
export function isSymbol(text: string): boolean {
  return SYMBOL.test(text)
}

/** Splits at commas; empty entries do not count, so an empty text is an empty list. */
export function splitList(list: string): readonly string[] {
  return list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

/** Reads `BTC` or, mapped by hand, `BTC=BTCUSDC`: the first `=` divides, since Yahoo has symbols such as `EURUSD=X`. */
export function readMapping(entry: string, toSourceSymbol: (symbol: string) => string): SymbolMapping {
  const [name = '', ...rest] = entry.toUpperCase().split('=')
  const symbol = name.trim()
  return { symbol, sourceSymbol: rest.length > 0 ? rest.join('=').trim() : toSourceSymbol(symbol) }
}

/**
 * The symbols that a feed finds in a variable of its own; none when it is not set.
 * @throws GatewayError config_invalid, naming the variable
 */
export function symbolsIn(
  variable: string,
  env: Readonly<Record<string, string | undefined>>,
): readonly SymbolMapping[] {
  const list = env[variable] ?? ''
  const symbols = splitList(list).map((entry) => readMapping(entry, (symbol) => symbol))
  if (symbols.every(({ symbol, sourceSymbol }) => isSymbol(symbol) && isSymbol(sourceSymbol))) return symbols
  throw new GatewayError('config_invalid', `${variable} ${SYMBOL_LIST_RULE}, was '${list.slice(0, 200)}'`)
}
