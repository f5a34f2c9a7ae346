import { GatewayError } from '../base/errors.ts'
import type { Channel, ReplayFields, SubscribeFields, UnsubscribeFields } from './messages.ts'

type Field = Exclude<keyof SubscribeFields, 'channel' | 'symbols'>

/** Which fields mean something on which channel. A field in the wrong place is refused: ignoring it would be a lie. */
const FIELDS_BY_CHANNEL: Readonly<Record<Channel, readonly Field[]>> = {
  candles: ['timeframe', 'history', 'interval', 'fill'],
  ticks: ['history', 'after', 'from', 'to', 'speed'],
  prices: ['interval'],
  predictions: [],
  status: [],
}

const ALL_FIELDS = [...new Set(Object.values(FIELDS_BY_CHANNEL).flat())]

/** @throws GatewayError bad_parameter when the fields of a `subscribe` do not go together. */
export function refuseMisfit(fields: SubscribeFields): void {
  const channel = fields.channel ?? 'candles'
  const misfit = ALL_FIELDS.find((field) => fields[field] !== undefined && !FIELDS_BY_CHANNEL[channel].includes(field))
  if (misfit) throw refusal(`${misfit} does not belong to channel ${channel}`)
  if (channel !== 'status' && !fields.symbols)
    throw refusal('symbols must be a list of at least one symbol, was absent')
  const strayed = channel === 'status' ? fields.symbols?.find((symbol) => symbol !== '*') : undefined
  if (strayed !== undefined) throw refusal('symbols do not belong to channel status', strayed)

  const starts = (['history', 'after', 'from'] as const).filter((field) => fields[field] !== undefined)
  if (starts.length > 1)
    throw refusal(`at most one of history, after and from must be given, was ${starts.join(' and ')}`)
  if (fields.from === undefined && (fields.to !== undefined || fields.speed !== undefined)) {
    throw refusal('to and speed must come with from')
  }
  if (fields.from !== undefined && fields.to !== undefined && fields.to < fields.from) {
    throw refusal(`to must be at least from, ${fields.from}`, String(fields.to))
  }
  const stranger = Object.keys(fields.after ?? {}).find((symbol) => !covers(fields.symbols, symbol))
  if (stranger !== undefined) throw refusal('after must name only symbols of the same subscribe', stranger)
}

/** @throws GatewayError bad_parameter when an `unsubscribe` has a timeframe that its channel has not. */
export function refuseStrayTimeframe({ channel = 'candles', timeframe }: UnsubscribeFields): void {
  if (timeframe !== undefined && !FIELDS_BY_CHANNEL[channel].includes('timeframe'))
    throw refusal(`timeframe does not belong to channel ${channel}`)
}

/** @throws GatewayError bad_parameter when an action of `replay` lacks its field, or has another's. */
export function refuseMisfitAction({ action, time, speed }: ReplayFields): void {
  const needs = { pause: undefined, resume: undefined, seek: 'time', speed: 'speed' } as const
  for (const [field, value] of Object.entries({ time, speed })) {
    if (needs[action] === field && value === undefined) throw refusal(`${action} must come with ${field}`)
    if (needs[action] !== field && value !== undefined) throw refusal(`${field} does not belong to ${action}`)
  }
}

function covers(symbols: readonly string[] = [], symbol: string): boolean {
  return symbols.includes('*') || symbols.includes(symbol)
}

function refusal(rule: string, found?: string): GatewayError {
  return new GatewayError('bad_parameter', found === undefined ? rule : `${rule}, was '${found.slice(0, 40)}'`)
}
