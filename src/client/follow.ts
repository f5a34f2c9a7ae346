import { GatewayError } from '../base/errors.ts'
import { links, type Redialing } from './links.ts'
import type { Action, ErrorMessage, ServerMessage, Subscribe } from './messages.ts'

/** A `subscribe` before it has its id. */
export type Request = Omit<Subscribe, 'op' | 'id' | 'symbols'> & { readonly symbols: readonly string[] }

/** Asks on the connection of the moment; returns the id that the answer will carry. */
export type Ask = (request: Request) => number

/** Steers what is being replayed on the connection of the moment; what cannot be done is not done. */
export type Act = (action: Action) => void

/** One channel's understanding of what the gateway says; lives as long as the loop that reads it. */
export interface Follower<Item> {
  /** What is still wanted; a refused symbol leaves it. */
  readonly symbols: Set<string>
  /** Asks a fresh connection for what comes next. */
  start(ask: Ask, act: Act): void
  /** Takes one message; returns what the consumer shall see of it, in order. */
  take(message: ServerMessage, ask: Ask): readonly Item[]
  /** Nothing more will come. */
  isOver?(): boolean
}

/**
 * Yields what `follower` makes of the gateway's messages, over any number of connections, until `signal` aborts.
 *
 * @throws GatewayError when the gateway refuses every symbol, the request as a whole, or the connection for good.
 */
export async function* follow<Item>(
  follower: Follower<Item>,
  redialing: Redialing,
  signal: AbortSignal,
): AsyncGenerator<Item, void, undefined> {
  let lastRequest = 0
  for await (const link of links(redialing, signal)) {
    const ask: Ask = (request) => {
      lastRequest += 1
      link.send({ op: 'subscribe', id: lastRequest, ...request })
      return lastRequest
    }
    const actions = new Set<number>()
    const act: Act = (action) => {
      lastRequest += 1
      actions.add(lastRequest)
      link.send({ op: 'replay', id: lastRequest, ...action })
    }
    follower.start(ask, act)
    for await (const batch of link.messages) {
      for (const message of batch) {
        if (signal.aborted) return
        if (message.type === 'gap' || message.type === 'lost') redialing.onNotice(message)
        // The replay was over, or live, before the gateway read of it.
        if (message.type === 'error' && actions.has(Number(message.id))) continue
        if (message.type === 'error') refuse(message, follower, redialing, link.cut)
        else yield* follower.take(message, ask)
        if (follower.isOver?.()) return
      }
    }
  }
}

/** Decides about an error: try the connection anew, go on without the symbol, or stop. */
function refuse<Item>(
  error: ErrorMessage,
  { symbols }: Follower<Item>,
  { onNotice }: Redialing,
  cut: (reason: string) => void,
): void {
  // Without an id it comes before a close, whose code decides.
  if (error.id === undefined && error.symbol === undefined) return
  if (error.retry) {
    cut(error.message)
    return
  }
  if (error.symbol === undefined) throw new GatewayError(error.code, error.message)
  const known = symbols.delete(error.symbol)
  if (symbols.size === 0) throw new GatewayError(error.code, error.message)
  if (known) onNotice({ type: 'refused', symbol: error.symbol, code: error.code, message: error.message })
}
