import type { ErrorCode } from '../base/errors.ts'
import type { Cursor } from '../market/tick.ts'
import type { GapMessage, LostMessage } from './messages.ts'

/** What happens to a stream besides its data. Told in stream order: between the items before and after which it happened. */
export type Notice =
  /** `url` is without its query, which may hold a token. */
  | { readonly type: 'connected'; readonly url: string }
  /** `code` is the close code, undefined when this side ended it. */
  | {
      readonly type: 'disconnected'
      readonly url: string
      readonly code?: number
      readonly reason: string
      readonly retryInMs: number
    }
  /** The ticks go on after `after`, none missing. */
  | { readonly type: 'resumed'; readonly symbol: string; readonly after: Cursor }
  /** The next tick did not follow the last one: the ticks after `after` are asked for again. */
  | { readonly type: 'asked'; readonly symbol: string; readonly after: Cursor }
  /** The gateway no longer has what followed `after`: the ticks go on from `oldest`. */
  | { readonly type: 'truncated'; readonly symbol: string; readonly after: Cursor; readonly oldest: Cursor }
  /** Ticks as old as a replay was to begin with are gone: it begins at the oldest that there is. */
  | { readonly type: 'shortened'; readonly symbol: string; readonly from: number }
  /** Asking again did not help: nothing is known of what lies between `after` and `next`. */
  | { readonly type: 'hole'; readonly symbol: string; readonly after: Cursor | null; readonly next: Cursor }
  /** The symbol is another stream now (`binance:BTCUSDC`): its ids begin anew. */
  | { readonly type: 'replaced'; readonly symbol: string; readonly was: string; readonly stream: string }
  /** The gateway will not serve this symbol; the others go on. */
  | { readonly type: 'refused'; readonly symbol: string; readonly code: ErrorCode; readonly message: string }
  | GapMessage
  | LostMessage

/** The notices that mean missing data. */
const LOSSES: readonly Notice['type'][] = ['truncated', 'shortened', 'hole', 'replaced', 'refused', 'gap', 'lost']

/** One line about a notice, for people. */
export function describeNotice(notice: Notice): string {
  switch (notice.type) {
    case 'connected':
      return `connected to ${notice.url}`
    case 'disconnected':
      return `no connection to ${notice.url} (${notice.reason}), trying again in ${Math.ceil(notice.retryInMs)} ms`
    case 'resumed':
      return `${notice.symbol}: resumed after ${notice.after}`
    case 'asked':
      return `${notice.symbol}: the tick after ${notice.after} is missing, asking for it again`
    case 'truncated':
      return `${notice.symbol}: the ticks after ${notice.after} are gone, going on from ${notice.oldest}`
    case 'shortened':
      return `${notice.symbol}: not all ticks since ${new Date(notice.from).toISOString()} are there: beginning at the oldest`
    case 'hole':
      return `${notice.symbol}: nothing is known of the ticks between ${notice.after ?? 'the start'} and ${notice.next}`
    case 'replaced':
      return `${notice.symbol}: was ${notice.was}, is ${notice.stream} now`
    case 'refused':
      return `${notice.symbol}: ${notice.message} (${notice.code})`
    case 'gap':
      return `${notice.symbol}: ${notice.count} trades from ${notice.from} to ${notice.to} are missing at the source (${notice.status})`
    case 'lost':
      return `${notice.symbol}: too slow, ${notice.count} from ${notice.from} to ${notice.to} were not sent`
  }
}

/** What is done with notices nobody asked for: losses are never silent. */
export function warnOfLosses(notice: Notice): void {
  // biome-ignore lint/suspicious/noConsole: a consumer without `onNotice` has no other place to learn of a loss.
  if (LOSSES.includes(notice.type)) console.warn(`tickgate: ${describeNotice(notice)}`)
}
