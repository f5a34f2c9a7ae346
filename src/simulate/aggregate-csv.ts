import { GatewayError } from '../base/errors.ts'
import { parseEighths } from './decimal.ts'

/** The columns of a recorded file; row i has the id `firstId + i`. Prices and sizes are in units of 10^-8. */
export interface RecordedTrades {
  readonly firstId: number
  readonly count: number
  readonly prices: Float64Array
  readonly sizes: Float64Array
  readonly firstTradeIds: Float64Array
  readonly lastTradeIds: Float64Array
  /** Unix ms, never falling. */
  readonly times: Float64Array
  readonly buyerIsMaker: Uint8Array
}

/**
 * Reads Binance's public file of aggregate trades: `id,price,quantity,first,last,time,isBuyerMaker,isBestMatch`, with
 * or without a header line, times in ms or (since 2025) in µs.
 * @throws GatewayError `row_refused`, with the file's name and the line's number, for the first row that is not one,
 * whose id does not follow on the row before, or whose time falls behind it
 */
export function parseAggregateCsv(text: string, name: string): RecordedTrades {
  const lines = text.split('\n')
  while (lines.length > 0 && lines.at(-1)!.trim() === '') lines.pop()
  const header = /^\D/.test(lines[0] ?? '') ? 1 : 0
  const count = lines.length - header
  if (count < 1) throw new GatewayError('row_refused', `${name} must hold at least one trade, was empty`)
  const column = () => new Float64Array(count)
  const trades = {
    count,
    prices: column(),
    sizes: column(),
    firstTradeIds: column(),
    lastTradeIds: column(),
    times: column(),
    buyerIsMaker: new Uint8Array(count),
  }
  let firstId = 0
  for (let row = 0; row < count; row += 1) {
    const at = `${name}, line ${row + header + 1}`
    const fields = lines[row + header]!.trimEnd().split(',')
    const id = wholeNumber(fields[0], `${at}: id`)
    if (row === 0) firstId = id
    else if (id !== firstId + row) throw refused(`${at}: id must be ${firstId + row}, one more than before`, fields[0])
    trades.prices[row] = decimal(fields[1], `${at}: price`)
    trades.sizes[row] = decimal(fields[2], `${at}: quantity`)
    trades.firstTradeIds[row] = wholeNumber(fields[3], `${at}: first trade id`)
    trades.lastTradeIds[row] = wholeNumber(fields[4], `${at}: last trade id`)
    if (trades.lastTradeIds[row]! < trades.firstTradeIds[row]!) {
      throw refused(`${at}: last trade id must not be below the first, ${fields[3]}`, fields[4])
    }
    trades.times[row] = unixMs(fields[5], `${at}: time`)
    if (row > 0 && trades.times[row]! < trades.times[row - 1]!) {
      throw refused(`${at}: time must not be before ${trades.times[row - 1]}, the one above it`, fields[5])
    }
    trades.buyerIsMaker[row] = truth(fields[6], `${at}: isBuyerMaker`)
  }
  return { firstId, ...trades }
}

function refused(rule: string, value: string | undefined): GatewayError {
  return new GatewayError('row_refused', `${rule}, was '${value ?? ''}'`)
}

function wholeNumber(text: string | undefined, what: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text ?? '') || !Number.isSafeInteger(value)) throw refused(`${what} must be a whole number`, text)
  return value
}

function decimal(text: string | undefined, what: string): number {
  const units = parseEighths(text ?? '')
  if (units === undefined || units === 0) {
    throw refused(`${what} must be a decimal above zero with at most eight places`, text)
  }
  return units
}

/** Times of 16 digits are in µs. */
function unixMs(text: string | undefined, what: string): number {
  const value = wholeNumber(text, what)
  return text!.length === 16 ? Math.floor(value / 1000) : value
}

function truth(text: string | undefined, what: string): 0 | 1 {
  if (text === 'true' || text === 'True') return 1
  if (text === 'false' || text === 'False') return 0
  throw refused(`${what} must be true or false`, text)
}
