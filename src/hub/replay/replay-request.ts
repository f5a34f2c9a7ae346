import { GatewayError } from '../../base/errors.ts'
import type { Update } from '../../market/tick.ts'
import type { ClientMessage, RequestId, ServerMessages } from '../../wire/messages.ts'
import type { Session } from '../session.ts'
import type { HubSource } from '../source.ts'
import { streamsOf } from '../streams.ts'
import { viewOf } from '../view.ts'
import type { Replay } from './replay.ts'
import { findStart, type ReplayStart } from './replay-start.ts'
import { ReplaySubscription } from './replay-subscription.ts'

type Action = ClientMessage<'replay'>

/**
 * Does what a `replay` message asks, to the symbols that it names and to no other, and answers with what is granted: one
 * `subscribed` for all symbols that are replayed together.
 */
export async function controlReplay(session: Session, message: Action): Promise<void> {
  const named = findReplaying(session, message)
  for (const replay of new Set(named.map((member) => member.replay))) {
    const members = named.filter((member) => member.replay === replay)
    if (message.action === 'seek') await seek(session, message, replay, members)
    else {
      const part = replay.split(members)
      act(part, message)
      tell(session, message, part)
    }
  }
}

/** What `subscribed` says of a replay. */
export function grantedReplay({
  to,
  time,
  clock,
}: Pick<Replay, 'to' | 'time' | 'clock'>): Pick<ServerMessages['subscribed'], 'from' | 'to' | 'speed' | 'paused'> {
  return { from: time, ...(to !== undefined && { to }), speed: clock.speed, ...(clock.paused && { paused: true }) }
}

/** Finds where each symbol begins; undefined for one that cannot, which has been answered with an error. */
export async function findStarts(
  session: Session,
  id: RequestId | undefined,
  symbols: readonly string[],
  from: number,
): Promise<ReadonlyMap<string, ReplayStart | undefined>> {
  const { source, limits, replays, now } = session.context
  const starts = new Map<string, ReplayStart | undefined>()
  const findOne = async (symbol: string) => {
    const ports = {
      view: () => viewOf(source, symbol),
      firstFrom: (time: number) =>
        replays.firsts.read(
          `${symbol} ${time}`,
          () => session.signal.aborted,
          () => readFirst(source, symbol, time),
        ),
      signal: session.signal,
      now,
      waitMs: limits.resumeWaitMs,
    }
    try {
      starts.set(symbol, await findStart(from, ports))
    } catch (error) {
      starts.set(symbol, undefined)
      session.tell(error, { id, symbol })
    }
  }
  await Promise.all(symbols.map(findOne))
  return starts
}

async function readFirst(source: HubSource, symbol: string, time: number): Promise<Update | undefined> {
  const id = await source.idFrom(symbol, time)
  // Retention may take it meanwhile: what comes next is what there is.
  const [first] = id === undefined ? [] : await source.ticksAfter(symbol, id - 1, 1)
  return first
}

/** When the clock of a replay begins: where ticks are asked for that are gone, at the oldest that there is. */
export function beginning(from: number, starts: readonly ReplayStart[]): number {
  return starts.length === 0 ? from : Math.min(...starts.map(({ oldest }) => oldest ?? from))
}

// --- the actions ---

function findReplaying(session: Session, { id, symbols }: Action): readonly ReplaySubscription[] {
  const replaying = [...session.subscriptions.values()].filter(
    (it): it is ReplaySubscription => it instanceof ReplaySubscription && it.isReplaying,
  )
  if (symbols.includes('*') && replaying.length === 0) {
    session.tell(new GatewayError('bad_parameter', 'symbols must be ones that are being replayed, none is'), { id })
  }
  for (const symbol of symbols) {
    if (symbol === '*' || replaying.some((it) => it.symbol === symbol)) continue
    const error = new GatewayError('bad_parameter', `symbols must be ones that are being replayed, was ${symbol}`)
    session.tell(error, { id, symbol })
  }
  return replaying.filter(({ symbol }) => symbols.includes('*') || symbols.includes(symbol))
}

function act(replay: Replay, { action, speed }: Action): void {
  if (action === 'pause') replay.pause()
  else if (action === 'resume') replay.resume()
  else if (speed !== undefined) replay.setSpeed(speed)
}

/** Nothing of the old place is sent any more; if the new one cannot be found, the replay goes on at the old one. */
async function seek(
  session: Session,
  message: Action,
  replay: Replay,
  members: readonly ReplaySubscription[],
): Promise<void> {
  const { id, time = 0 } = message
  if (replay.to !== undefined && time > replay.to) {
    throw new GatewayError('bad_parameter', `time must be at most the replay's to, ${replay.to}, was ${time}`)
  }
  const goOn = replay.hold()
  try {
    const symbols = members.map(({ symbol }) => symbol)
    const starts = await findStarts(session, id, symbols, time)
    const found = members.filter((member) => member.isReplaying && starts.get(member.symbol))
    if (found.length === 0) return
    const part = replay.split(found)
    part.seek(
      beginning(
        time,
        [...starts.values()].filter((start) => start !== undefined),
      ),
    )
    tell(session, message, part)
    for (const member of found) member.begin(starts.get(member.symbol)!)
  } finally {
    goOn()
  }
}

function tell(session: Session, { id }: Action, replay: Replay): void {
  const members = [...replay.members]
  session.send({
    type: 'subscribed',
    ...(id !== undefined && { id }),
    channel: 'ticks',
    symbols: members.map(({ symbol }) => symbol),
    streams: streamsOf(session, members),
    ...grantedReplay(replay),
  })
}
