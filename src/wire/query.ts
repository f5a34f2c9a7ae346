import { type Decoded, decodeValue } from './codec.ts'
import type { SubscribeFields } from './messages.ts'

type Field = keyof SubscribeFields | 'id'

/**
 * Reads the query of a connection as the `subscribe` it stands for; undefined when it has none of its fields. Text that
 * is not what the field wants is handed on as it is, so that the schema refuses it in its own words.
 */
export function decodeQuery(query: URLSearchParams): Decoded | undefined {
  const raw: Record<string, unknown> = {}
  for (const [field, read] of Object.entries(READERS)) {
    const texts = query.getAll(field)
    if (texts.length > 0) raw[field] = read(texts.join(','))
  }
  if (Object.keys(raw).length === 0) return undefined
  return decodeValue({ ...raw, op: 'subscribe' })
}

/** `BTC,ETH` */
const readList = (text: string) => text.split(',').filter((item) => item !== '')
/** Number('') is 0: only what looks like a number is one. */
const readNumber = (text: string) => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text)
const readBoolean = (text: string) => (text === 'true' ? true : text === 'false' ? false : text)

/** `BTC:3123456788,ETH:99` */
function readCursors(text: string): unknown {
  const pairs = readList(text).map((pair) => /^(.+):([^:]*)$/.exec(pair))
  if (pairs.includes(null)) return text
  return Object.fromEntries(pairs.map((pair) => [pair?.[1], readNumber(pair?.[2] ?? '')]))
}

const READERS: { readonly [F in Field]: (text: string) => unknown } = {
  id: readNumber,
  channel: String,
  symbols: readList,
  timeframe: String,
  history: readNumber,
  after: readCursors,
  from: readNumber,
  to: readNumber,
  speed: readNumber,
  interval: readNumber,
  fill: readBoolean,
}
