import { GatewayError } from '../base/errors.ts'
import type { HubSource, StreamView } from './source.ts'

/** The stream of a symbol as it is now. @throws GatewayError unknown_symbol */
export function viewOf(source: HubSource, symbol: string): StreamView {
  const view = source.stream(symbol)
  if (!view) throw new GatewayError('unknown_symbol', `there is no symbol '${symbol}' here`)
  return view
}
