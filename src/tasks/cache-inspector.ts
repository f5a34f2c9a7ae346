import { GatewayError } from '../base/errors.ts'
import { KEY_KINDS, type KeyKind } from '../tiers/cache/cache-keys.ts'
import type { KeptValue, KeyList } from '../wire/cache.ts'

/** Looks into a cache: a running gateway's memory, or Redis. */
export interface CacheInspector {
  /** Keys that match a glob pattern, in the order of their names. @throws GatewayError */
  list(pattern: string): Promise<KeyList>
  /** Undefined: there is nothing under it. @throws GatewayError bad_parameter for a key of no kind of ours */
  read(key: string): Promise<KeptValue | undefined>
  close(): Promise<void>
}

/** What kind of key it is; undefined: it is somebody else's. */
export function kindOf(key: string): KeyKind | undefined {
  return KEY_KINDS.find((kind) => key.startsWith(`${kind}:`))
}

/** @throws GatewayError bad_parameter */
export function assertOwnKey(key: string): void {
  if (kindOf(key) !== undefined) return
  const kinds = KEY_KINDS.map((kind) => `${kind}:`).join(', ')
  throw new GatewayError('bad_parameter', `the key must begin with one of ${kinds}, was ${key}`)
}
