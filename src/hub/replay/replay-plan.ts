import type { ClientMessage } from '../../wire/messages.ts'
import type { Session } from '../session.ts'
import type { Plan } from '../subscribe.ts'
import { Replay } from './replay.ts'
import { ReplayClock } from './replay-clock.ts'
import { beginning, findStarts, grantedReplay } from './replay-request.ts'
import { ReplaySubscription } from './replay-subscription.ts'

type SubscribeFrom = ClientMessage<'subscribe'> & { readonly from: number }

/** Finds where the symbols begin, and plans one replay of them all. */
export async function planReplay(session: Session, message: SubscribeFrom, symbols: readonly string[]): Promise<Plan> {
  const { source, topics, replays } = session.context
  const starts = await findStarts(session, message.id, symbols, message.from)
  const found = [...starts.values()].filter((start) => start !== undefined)
  const begins = beginning(message.from, found)
  const replay = createReplay(session, message, begins)
  const shared = { replay, replays, source, topics, outlet: session.connection }
  return {
    // Its clock runs already.
    fields: () => ({ ...grantedReplay(replay), from: begins }),
    make(symbol) {
      const start = starts.get(symbol)
      return start && new ReplaySubscription({ symbol, start, ...shared })
    },
  }
}

function createReplay(session: Session, { to, speed = 1 }: SubscribeFrom, begins: number): Replay {
  const { replays, now } = session.context
  return new Replay(new ReplayClock(begins, speed, replays.clock.now()), {
    ...{ replays, outlet: session.connection, to, now },
    onEnd(subscription) {
      subscription.sayEnd()
      session.drop(subscription)
    },
    onFailed(subscription, error) {
      session.drop(subscription)
      session.tell(error, { symbol: subscription.symbol })
    },
  })
}
