import { errorMessage } from '../wire/error-message.ts'
import type { ClientMessage, ClientOp, SubscriptionRow } from '../wire/messages.ts'
import { controlReplay } from './replay/replay-request.ts'
import type { Session } from './session.ts'
import { subscribe } from './subscribe.ts'
import type { Subscription } from './subscription.ts'

type Handlers = {
  readonly [Op in ClientOp]: (session: Session, message: ClientMessage<Op>) => void | Promise<void>
}

/** Does what a message asks. A promise: the answer is not out yet, and later requests wait. */
export function answer<Op extends ClientOp>(session: Session, message: ClientMessage<Op>): void | Promise<void> {
  const handle: Handlers[Op] = HANDLERS[message.op]
  return handle(session, message)
}

const HANDLERS: Handlers = {
  subscribe,
  unsubscribe,
  replay: controlReplay,
  list(session, { id }) {
    const subscriptions = [...session.subscriptions.values()].map(toRow)
    session.send({ type: 'subscriptions', ...(id !== undefined && { id }), subscriptions })
  },
  ping(session, { id }) {
    session.send({ type: 'pong', ...(id !== undefined && { id }), time: session.context.now() })
  },
  auth(session, { id }) {
    session.send(errorMessage('unavailable', 'this gateway has no keys configured', { id, retry: false }))
  },
}

function unsubscribe(session: Session, message: ClientMessage<'unsubscribe'>): void {
  const { id, channel = 'candles', symbols = ['*'] } = message
  const timeframe = channel === 'candles' ? (message.timeframe ?? '1m') : undefined
  const matching = [...session.subscriptions.values()].filter(
    (it) =>
      it.channel === channel && it.timeframe === timeframe && (symbols.includes('*') || symbols.includes(it.symbol)),
  )
  for (const subscription of matching) session.drop(subscription)
  if (channel === 'prices' && symbols.includes('*')) session.pricesOfAll = undefined
  const named = matching.map(({ symbol }) => symbol).filter((symbol) => symbol !== '*')
  for (const symbol of symbols) {
    if (symbol === '*' || session.context.source.stream(symbol)) continue
    session.send(errorMessage('unknown_symbol', `there is no symbol '${symbol}' here`, { id, symbol }))
  }
  session.send({
    type: 'unsubscribed',
    ...(id !== undefined && { id }),
    channel,
    symbols: named,
    ...(timeframe && { timeframe }),
  })
}

function toRow({ channel, symbol, timeframe, interval }: Subscription): SubscriptionRow {
  return {
    channel,
    symbol,
    ...(timeframe !== undefined && { timeframe }),
    ...(interval !== undefined && { interval }),
  }
}
