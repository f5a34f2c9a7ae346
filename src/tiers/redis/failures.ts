/**
 * Why a call or a connection failed. `timeout`: no answer in time. `closed`: the connection ended. `refused`: Redis as a
 * whole does not serve us now. `command`: this one command was wrong; others may work.
 */
export interface RedisFailure {
  readonly kind: 'timeout' | 'closed' | 'refused' | 'command'
  /** Of our own words, and of codes: an error's own message may repeat what was sent, a password too. */
  readonly reason: string
}

/** First words of Redis' error replies, with what they say of it. */
const REFUSALS: Readonly<Record<string, string>> = {
  LOADING: 'it is loading its data',
  BUSY: 'it is busy with a script',
  READONLY: 'it is a replica, which takes no writes',
  MISCONF: 'it cannot save to its disk, and takes no writes',
  OOM: 'its memory is full, and it takes no writes',
  NOREPLICAS: 'it has too few replicas, and takes no writes',
  MASTERDOWN: 'its master is down',
  CLUSTERDOWN: 'its cluster is down',
  NOAUTH: 'it asks for a password',
  WRONGPASS: 'the user or the password is wrong',
  DENIED: 'it is in protected mode',
}

/** Inside of a script's error the first word of the cause is further on: `... @user_script: 1: -OOM command ...`. */
const REFUSAL = new RegExp(`(?:^|[\\s:-])(${Object.keys(REFUSALS).join('|')})\\b`)
const TOO_MANY_CLIENTS = /max(imum)? number of clients/i
const TIMED_OUT = /command timed out/i

export function describeFailure(error: unknown): RedisFailure {
  if (!(error instanceof Error)) return { kind: 'command', reason: 'an error of no kind' }
  if (error.name === 'ReplyError') return describeReply(error.message)
  if (TIMED_OUT.test(error.message)) return { kind: 'timeout', reason: 'it did not answer in time' }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { kind: 'closed', reason: code ? `the connection failed: ${code}` : 'the connection was closed' }
}

function describeReply(message: string): RedisFailure {
  const code = REFUSAL.exec(message)?.[1]
  if (code !== undefined) return { kind: 'refused', reason: `${code}: ${REFUSALS[code]}` }
  if (TOO_MANY_CLIENTS.test(message)) return { kind: 'refused', reason: 'it has too many clients' }
  return { kind: 'command', reason: `it answered with an error: ${/^[A-Z]+/.exec(message)?.[0] ?? 'ERR'}` }
}
