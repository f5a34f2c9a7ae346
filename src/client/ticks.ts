import type { Cursor } from '../market/tick.ts'
import type { TickHistory, TickRow } from '../wire/messages.ts'
import type { Act, Ask, Follower } from './follow.ts'
import type { ServerMessage, SubscribedMessage, TickMessage } from './messages.ts'
import type { Notice } from './notices.ts'
import { Course, type ReplayOptions, type Speed } from './replay.ts'

/** A tick, and whether it is news: `live` is false for one that came with history or while catching up. */
export type ClientTick = TickMessage & { readonly live: boolean }

/** Where to begin; with none of these, now. At most one of `history`, `after` and `from`. */
export interface TickOptions {
  /** So many of the newest ticks first. */
  readonly history?: number
  /** The id of the last tick that is already had, per symbol. */
  readonly after?: Readonly<Record<string, Cursor>>
  /** Replays from this moment (Unix ms) on, then goes on live. */
  readonly from?: number
  /** The last ms of the replay: the loop ends there. */
  readonly to?: number
  /** Of the replay: 0.1 to 1000 times, 1 unless told, or `max`. */
  readonly speed?: Speed
}

/** What can be done to a replay while it runs. */
export interface Steering {
  pause(): void
  resume(): void
  setSpeed(speed: Speed): void
  /** Goes on from another moment (Unix ms), earlier or later, with every symbol that has not come to `to`. */
  seek(time: number): void
}

/** How far one symbol's stream has been read. */
interface Place {
  /** The id of the last tick; null when the stream was empty, undefined before anything is known. */
  last: Cursor | null | undefined
  /** The request whose answer comes next: until then, what arrives belongs to the one it replaces. */
  waitingFor?: number | undefined
  /** The `last` that was asked after most recently: one occurrence of a break is asked for once. */
  askedAfter?: Cursor | null | undefined
  /** The gateway has said that the next tick does not follow the last. */
  jumps?: boolean
  /** Not live yet: where the stream goes on is asked by time. */
  replaying?: boolean
  /** When the last tick happened. */
  time?: number | undefined
  stream?: string
}

/** A stream that was empty when it was first seen has no id to resume after: all it has since is its newest. */
const EMPTY_STREAM_HISTORY = 1_000
/** Times may step back by a moment from one tick to the next: so much earlier a missing one is looked for. */
const LOOK_BACK_MS = 1_000

/**
 * Follows ticks so that each comes once and in order: drops doubles by id, checks that every `prev` is the id of the
 * tick before, asks again after the last good one where it is not, and resumes there after a cut.
 */
export function createTickFollower(
  symbols: readonly string[],
  { after = {}, ...beginning }: TickOptions,
  onNotice: (notice: Notice) => void,
): Follower<ClientTick> & Steering {
  const wanted = new Set(symbols)
  const course = isReplay(beginning) ? new Course(beginning) : undefined
  const replaying = course !== undefined
  const places = new Map<string, Place>(symbols.map((symbol) => [symbol, { last: after[symbol], replaying }]))
  let link: { readonly ask: Ask; readonly act: Act } | undefined

  const allReplaying = () => [...wanted].filter((symbol) => places.get(symbol)!.replaying)

  /** Goes on with what is being replayed; ticks that are had already are dropped as they come. */
  function replay(earliest: number, ask: Ask, act: Act): number | undefined {
    const asked = allReplaying()
    const times = asked.map((symbol) => places.get(symbol)!.time ?? earliest)
    return asked.length === 0 ? undefined : course?.ask(asked, Math.min(...times), ask, act)
  }

  function seek(time: number) {
    if (!course) return
    course.from = time
    for (const symbol of wanted)
      Object.assign(places.get(symbol)!, { last: undefined, time: undefined, replaying: true })
    const waitingFor = link && replay(time, link.ask, link.act)
    for (const symbol of wanted) places.get(symbol)!.waitingFor = waitingFor
  }

  function start(ask: Ask, act: Act) {
    link = { ask, act }
    if (course) replay(course.from, ask, act)
    const known: Record<string, Cursor> = {}
    const empty: string[] = []
    const fresh: string[] = []
    for (const symbol of wanted) {
      const place = places.get(symbol)!
      place.waitingFor = undefined
      place.askedAfter = place.replaying ? undefined : place.last
      if (place.replaying) continue
      if (place.last === undefined) fresh.push(symbol)
      else if (place.last === null) empty.push(symbol)
      else known[symbol] = place.last
    }
    const resumed = Object.keys(known)
    if (resumed.length > 0) ask({ channel: 'ticks', symbols: resumed, after: known })
    if (empty.length > 0) ask({ channel: 'ticks', symbols: empty, history: EMPTY_STREAM_HISTORY })
    if (fresh.length > 0) ask({ channel: 'ticks', symbols: fresh, ...beginning })
  }

  /** Asks for what follows the last good tick; false when that has been tried, or there is no such tick. */
  function askAgain(symbol: string, place: Place, ask: Ask): boolean {
    const { last } = place
    if (typeof last !== 'number' || place.askedAfter === last) return false
    place.askedAfter = last
    place.waitingFor =
      course && link && place.replaying
        ? course.ask([symbol], (place.time ?? course.from) - LOOK_BACK_MS, ask, link.act)
        : ask({ channel: 'ticks', symbols: [symbol], after: { [symbol]: last } })
    onNotice({ type: 'asked', symbol, after: last })
    return true
  }

  function accept(symbol: string, place: Place, row: TickRow, live: boolean, ask: Ask): readonly ClientTick[] {
    const { last } = place
    if (place.waitingFor !== undefined) return []
    if (typeof last === 'number' && row.id <= last) return []
    const follows = row.prev === last || (row.prev === null && typeof last === 'number' && row.id === last + 1)
    if (last !== undefined && !follows && !place.jumps) {
      if (askAgain(symbol, place, ask)) return []
      onNotice({ type: 'hole', symbol, after: last, next: row.id })
    }
    if (place.replaying && place.jumps && typeof last === 'number') {
      onNotice({ type: 'truncated', symbol, after: last, oldest: row.id })
    }
    place.last = row.id
    place.time = row.time
    place.jumps = false
    return [{ ...row, type: 'tick', symbol, live }]
  }

  function granted({ id, streams, resume = {} }: SubscribedMessage) {
    for (const [symbol, stream] of Object.entries(streams)) {
      const place = places.get(symbol)
      if (!place) continue
      if (place.waitingFor === id) place.waitingFor = undefined
      if (place.stream !== undefined && place.stream !== stream) {
        onNotice({ type: 'replaced', symbol, was: place.stream, stream })
        place.last = undefined
      }
      place.stream = stream
      const verdict = resume[symbol]
      if (!verdict || typeof place.last !== 'number') continue
      if (verdict.state === 'complete') onNotice({ type: 'resumed', symbol, after: place.last })
      else {
        place.jumps = true
        onNotice({ type: 'truncated', symbol, after: place.last, oldest: verdict.oldest })
      }
    }
  }

  function history({ symbol, ticks, cursor, more, truncated }: TickHistory, ask: Ask): readonly ClientTick[] {
    const place = places.get(symbol)
    if (!place || place.waitingFor !== undefined) return []
    if (truncated && typeof place.last === 'number' && !place.jumps && ticks[0]) {
      place.jumps = true
      onNotice({ type: 'truncated', symbol, after: place.last, oldest: ticks[0].id })
    }
    const accepted = ticks.flatMap((row) => accept(symbol, place, row, false, ask))
    if (truncated && place.replaying) {
      if (place.last === undefined) onNotice({ type: 'shortened', symbol, from: course!.from })
      else place.jumps = true
    }
    // An empty snapshot still says where the stream stands: the first live tick must follow this id.
    place.last ??= cursor
    // The answer is whole: the next break, even at this id, is another occurrence.
    if (!more && place.last === cursor) place.askedAfter = undefined
    return accepted
  }

  function take(message: ServerMessage, ask: Ask): readonly ClientTick[] {
    switch (message.type) {
      case 'tick': {
        const place = places.get(message.symbol)
        return place ? accept(message.symbol, place, message, !place.replaying, ask) : []
      }
      case 'ws_history':
        return message.channel === 'ticks' ? history(message, ask) : []
      case 'subscribed':
        granted(message)
        return []
      case 'replay_end': {
        const place = places.get(message.symbol)
        if (!place || place.waitingFor !== undefined) return []
        place.replaying = false
        if (!message.live) wanted.delete(message.symbol)
        return []
      }
      case 'lost': {
        const place = places.get(message.symbol)
        if (place && place.waitingFor === undefined) askAgain(message.symbol, place, ask)
        return []
      }
      case 'heartbeat':
        for (const [symbol, cursor] of Object.entries(message.cursors ?? {})) {
          const place = places.get(symbol)
          if (place?.waitingFor === undefined && (cursor ?? 0) > (place?.last ?? Number.POSITIVE_INFINITY)) {
            askAgain(symbol, place!, ask)
          }
        }
        return []
      default:
        return []
    }
  }

  return {
    symbols: wanted,
    start,
    take,
    isOver: () => course !== undefined && wanted.size === 0,
    pause: () => course?.pause(allReplaying(), link?.act),
    resume: () => course?.resume(allReplaying(), link?.act),
    setSpeed: (speed) => course?.setSpeed(speed, allReplaying(), link?.act),
    seek,
  }
}

function isReplay(options: Omit<TickOptions, 'after'>): options is ReplayOptions {
  return options.from !== undefined && options.history === undefined
}
