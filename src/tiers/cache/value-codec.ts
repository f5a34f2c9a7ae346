import { z } from 'zod'
import { ASSET_CLASSES } from '../../market/instrument.ts'
import type { CacheKey, KeyKind } from './cache-keys.ts'
import { CandleRows } from './candle-rows.ts'
import { readCandles } from './candles-text.ts'
import { VALUE_VERSION } from './values.ts'

const v = z.literal(VALUE_VERSION)
const id = z.int().nonnegative()
const date = z.string().regex(/^\d{4}-\d{2}-\d{2}$/)

const price = z
  .object({
    ...{ v, symbol: z.string(), id, price: z.number().nullable(), time: z.number(), stale: z.boolean() },
    ...{ market: z.string().exactOptional(), period: date.exactOptional(), vintage: date.exactOptional() },
  })
  // Only an observation of a macro series can lack a value.
  .refine((value) => value.price !== null || value.period !== undefined)

const candlesValue = z.object({
  v,
  cursor: id.nullable(),
  candles: z.unknown().transform((rows, { issues }) => {
    const packed = CandleRows.read(rows)
    if (packed !== undefined) return packed
    issues.push({ code: 'custom', input: undefined })
    return z.NEVER
  }),
})

const figure = z.number().exactOptional()
const marketRow = z.object({
  ...{ symbol: z.string(), assetClass: z.enum(ASSET_CLASSES), price: z.number().nullable() },
  ...{ change: figure, changePercent: figure, high24h: figure, low24h: figure, volume24h: figure },
  ...{ time: z.number(), stale: z.boolean(), market: z.string().exactOptional(), delay: figure },
  ...{ period: date.exactOptional(), vintage: date.exactOptional() },
})

/** What is kept of each kind, as PROTOCOL (Cache keys and lifetimes) has it. */
const SCHEMAS = {
  price,
  prediction: z.object({
    ...{ v, symbol: z.string(), time: z.number(), horizon: z.string() },
    ...{ value: z.union([z.number(), z.array(z.number())]), model: z.string(), cursor: id },
  }),
  market: z.object({ v, rows: z.array(marketRow) }),
  chart: candlesValue,
  ws_history: candlesValue,
} as const satisfies Record<KeyKind, z.ZodType>

/** The text that Redis keeps: `{"v":1,...}`. */
export function encodeValue<Value>(value: Value): string {
  return JSON.stringify({ v: VALUE_VERSION, ...value })
}

/** The value of such a text; undefined if it is of another version, of another kind or symbol, or no JSON at all. */
export function decodeValue<Value>(key: CacheKey<Value>, text: string): Value | undefined {
  const candles = key.kind === 'chart' || key.kind === 'ws_history' ? readCandles(text) : undefined
  // What is kept under a key is of its kind.
  if (candles !== undefined) return candles as Value
  const parsed = SCHEMAS[key.kind].safeParse(parseJson(text))
  if (!parsed.success) return undefined
  const { v: _, ...value } = parsed.data
  if (key.symbol !== undefined && 'symbol' in value && value.symbol !== key.symbol) return undefined
  return value as Value
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Somebody else's text under our key: a miss, as everything that is not ours.
    return undefined
  }
}
