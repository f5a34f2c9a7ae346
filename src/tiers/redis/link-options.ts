import type { RedisOptions } from 'ioredis'
import type { RedisAddress } from './redis-address.ts'

/** No call takes longer. */
export const COMMAND_TIMEOUT_MS = 150
const CONNECT_TIMEOUT_MS = 500
/** How long a connection that was given up may take to end before it is destroyed. */
const DISCONNECT_TIMEOUT_MS = 50
const LONGEST_PAUSE_MS = 250

/** Before the nth attempt in a row to connect. */
export function connectPauseMs(attempt: number): number {
  return Math.min(50 * attempt, LONGEST_PAUSE_MS)
}

/** Options with which nothing waits for Redis, and nothing is queued for its return. docs/adr/0012 has the reasons. */
export function linkOptions(
  { host, port, username, password, tls }: RedisAddress,
  connectionName: string,
  retryStrategy: (attempt: number) => number,
): Omit<RedisOptions, 'replyMapping'> {
  return {
    ...{ host, port, db: 0, connectionName, retryStrategy },
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    // Also bounds the handshake, for which the client has no time limit of its own.
    commandTimeout: COMMAND_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    // What is on its way when a connection ends fails at once, and is not sent again on the next.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // Our own trial says whether it can be used, and why not; the client's would wait for seconds while Redis loads.
    enableReadyCheck: false,
    disableClientInfo: true,
  }
}
