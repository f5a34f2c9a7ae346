import type { ConnectionOptions } from 'node:tls'

/** Where Redis is, and who we are there. Holds the password: never logged. */
export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly username?: string
  readonly password?: string
  /** Set: over TLS. */
  readonly tls?: ConnectionOptions
}

/** The part of the configuration that says so. `REDIS_URL` wins. */
export interface RedisSettings {
  readonly redisUrl?: string | undefined
  readonly redisHost?: string | undefined
  readonly redisPort: number
  readonly redisPassword?: string | undefined
}

const STANDARD_PORT = 6379

/**
 * Undefined: no Redis is configured. The URL is taken apart here and not by the client, which would read any of its own
 * options from a query, those that bound our waits too.
 */
export function redisAddress(settings: RedisSettings): RedisAddress | undefined {
  const { redisUrl, redisHost, redisPort, redisPassword } = settings
  if (redisUrl === undefined) {
    if (redisHost === undefined) return undefined
    return { host: redisHost, port: redisPort, ...(redisPassword !== undefined && { password: redisPassword }) }
  }
  const url = new URL(redisUrl)
  const password = decodeURIComponent(url.password) || redisPassword
  const username = decodeURIComponent(url.username)
  return {
    // An IPv6 address is in brackets in a URL, and nowhere else.
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? STANDARD_PORT : Number(url.port),
    // A user without a password could not be told to Redis.
    ...(username !== '' && password !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(url.protocol === 'rediss:' && { tls: {} }),
  }
}
