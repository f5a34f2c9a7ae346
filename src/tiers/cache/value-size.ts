import { CandleRows } from './candle-rows.ts'

/** What an entry costs besides its value: its record, its name, its places in the map and in the list of uses. */
export const ENTRY_BYTES = 300

const HEADER_BYTES = 32
const ARRAY_BYTES = 48
const SLOT_BYTES = 8
/** A double is an object of its own, in parsed arrays too. */
const NUMBER_BYTES = 16

/**
 * How much memory a value of plain data, or of rows, takes, about, and rather too much than too little:
 * `value-size.test.ts` holds it to what the process says. An array that begins with a number is one of numbers.
 */
export function estimateBytes(value: unknown): number {
  if (typeof value === 'string') return HEADER_BYTES + value.length
  if (typeof value === 'number') return NUMBER_BYTES
  if (typeof value !== 'object' || value === null) return 0
  if (value instanceof CandleRows) return value.bytes
  if (!Array.isArray(value)) return estimateFields(value)
  let bytes = ARRAY_BYTES + SLOT_BYTES * value.length
  if (typeof value[0] === 'number') return bytes + NUMBER_BYTES * value.length
  for (const item of value) bytes += estimateBytes(item)
  return bytes
}

function estimateFields(value: object): number {
  let bytes = HEADER_BYTES
  for (const field of Object.values(value)) bytes += SLOT_BYTES + estimateBytes(field)
  return bytes
}
