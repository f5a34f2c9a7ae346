import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServingGateway } from '../gateway.ts'
import type { AssetClass } from '../market/instrument.ts'

const BIN = fileURLToPath(new URL('../cli/tickgate.js', import.meta.url))

/** What there is to see, and where. */
export function describePlaces(
  { url }: ServingGateway,
  symbols: Readonly<Record<AssetClass, readonly string[]>>,
  directory: string,
): string {
  const bin = relative(process.cwd(), BIN)
  const command = /\s/.test(bin) ? `"${bin}"` : bin
  const [crypto = 'BTC'] = symbols.crypto
  const [stock = 'NVDA'] = symbols.stock
  return [
    '',
    'tickgate demo: simulated sources, the embedded database, no network',
    '',
    `  crypto      ${named(symbols.crypto)}: a simulated Binance`,
    `  stocks      ${named(symbols.stock)}: a simulated Yahoo, with an exchange open around the clock`,
    '              but for the half hour around midnight in New York',
    `  macro       ${named(symbols.macro)}: a simulated FRED, which goes through the past years,`,
    '              a day in ten seconds, until it has caught up with today',
    '',
    `  dashboard   ${url}`,
    `  websocket   ${url.replace('http', 'ws')}/ws?symbols=${crypto}&channel=candles&timeframe=1m&history=5`,
    `  market      ${url}/api/v1/market`,
    `  pipe        node ${command} tail ${crypto} ${stock} --url ${url}`,
    `  data        ${directory}`,
    '',
    'Ctrl-C stops it.',
    '',
    '',
  ].join('\n')
}

/** The first price that there is, and how long that took since the start. */
export function describeFirstTick({ memory }: ServingGateway, tookMs: number): string {
  const latest = [...memory.streams()].map((stream) => stream.latest).find((update) => update !== undefined)
  const tick = latest === undefined ? 'no tick yet' : `${latest.symbol} ${latest.price}`
  return `ready after ${(tookMs / 1000).toFixed(1)} s: ${tick}\n`
}

const MOST_NAMED = 5

function named(symbols: readonly string[]): string {
  const more = symbols.length - MOST_NAMED
  return symbols.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
