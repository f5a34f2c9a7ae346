import { streamName } from '../market/instrument.ts'
import type { Session } from './session.ts'
import type { Subscription } from './subscription.ts'

/** Which stream each symbol of an answer is. */
export function streamsOf(
  session: Session,
  granted: readonly Pick<Subscription, 'symbol'>[],
): Readonly<Record<string, string>> {
  const { source } = session.context
  return Object.fromEntries(granted.map(({ symbol }) => [symbol, streamName(source.stream(symbol)!.instrument)]))
}
