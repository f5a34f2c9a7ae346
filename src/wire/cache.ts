import { z } from 'zod'
import { GatewayError } from '../base/errors.ts'

/** A key of the cache as it is listed: one line of `tickgate cache ls`. */
export interface ListedKey {
  readonly key: string
  /** What is left of its life, seconds; 0: it is over, and the value is served as stale until a newer one is there. */
  readonly ttl: number
}

/** Keys in the order of their names. */
export interface KeyList {
  readonly keys: readonly ListedKey[]
  /** There are more than were asked for. */
  readonly more: boolean
}

/** A key with its value: the JSON text that Redis holds, with its schema version `v`. */
export interface KeptValue extends ListedKey {
  readonly value: unknown
}

/** Keys in one answer, at most. */
export const MOST_KEYS = 10_000

const Listed = z.object({ key: z.string(), ttl: z.number() })
const List: z.ZodType<KeyList> = z.object({ keys: z.array(Listed), more: z.boolean() })
const Kept: z.ZodType<KeptValue> = z.object({ ...Listed.shape, value: z.unknown() })

/** Reads a gateway's answer. @throws GatewayError bad_message */
export function readKeyList(answer: unknown): KeyList {
  return read(List, answer, 'a list of keys')
}

/** Reads a gateway's answer. @throws GatewayError bad_message */
export function readKeptValue(answer: unknown): KeptValue {
  return read(Kept, answer, 'a key with its value')
}

function read<T>(schema: z.ZodType<T>, answer: unknown, what: string): T {
  const result = schema.safeParse(answer)
  if (result.success) return result.data
  throw new GatewayError('bad_message', `the answer must be ${what}, was ${JSON.stringify(answer)?.slice(0, 200)}`)
}
