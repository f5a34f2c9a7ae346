import type { Feed, Received } from '../../src/feed.ts'
import type { Instrument } from '../../src/market/instrument.ts'

/** A feed on a simulator of its source. */
export interface FeedUnderTest<Raw> {
  /** Asks for some symbols under other names than the source's, and for `unknown`. */
  readonly feed: Feed<Raw>
  /** The one that the source does not have. */
  readonly unknown: string
  /** The part of a message that is the source's, where the feed puts something of its own beside it. */
  readonly payload?: string
  /** Something new happens to every symbol; left out where that happens by itself. Called again and again. */
  move?(): void
  /** From here on the source is there and says nothing: no answer, no message. */
  hang(): void
  /** From here on the source fails: it cuts what is open and answers with errors. */
  fail(): void
  /** What no error and no output may hold. */
  readonly secrets?: readonly string[]
  close(): Promise<void>
}

export async function resolved<Raw>({ feed }: FeedUnderTest<Raw>): Promise<readonly Instrument[]> {
  return (await feed.resolve(new AbortController().signal)).instruments
}

/** Listens until it ends; `reading` resolves with the error that ended it, if one did. */
export function listenTo<Raw>(
  made: FeedUnderTest<Raw>,
  instruments: readonly Instrument[],
  onRaw: (message: Received<Raw>) => void = () => {},
) {
  const controller = new AbortController()
  let isConnected = () => {}
  const connected = new Promise<void>((resolve) => {
    isConnected = resolve
  })
  const moving = setInterval(() => made.move?.(), 10)
  const read = async () => {
    try {
      const events = { connected: () => isConnected(), heard() {} }
      for await (const batch of made.feed.receive(instruments, events, controller.signal)) batch.forEach(onRaw)
      return undefined
    } catch (error) {
      return error
    } finally {
      clearInterval(moving)
      // A test that waits for it would otherwise wait for ever; what ended it is in `reading`.
      isConnected()
    }
  }
  return { reading: read(), connected, abort: () => controller.abort() }
}

/** The messages that come first, `count` of them or until `isEnough`, while news come. */
export async function firstRaws<Raw>(
  made: FeedUnderTest<Raw>,
  count: number,
  isEnough: (message: Received<Raw>) => boolean = () => false,
): Promise<readonly Received<Raw>[]> {
  const messages: Received<Raw>[] = []
  const { reading, abort } = listenTo(made, await resolved(made), (message) => {
    messages.push(message)
    if (isEnough(message) || messages.length >= count) abort()
  })
  const error = await reading
  if (error !== undefined) throw error
  return messages.slice(0, count)
}

/** The least of up to `tries` measurements; ends with the first that is below `enough`. */
export async function bestOf(tries: number, enough: number, measure: () => Promise<number>): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let n = 0; n < tries && best >= enough; n += 1) best = Math.min(best, await measure())
  return best
}
