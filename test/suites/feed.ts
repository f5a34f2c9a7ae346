import { performance } from 'node:perf_hooks'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isGatewayError } from '../../src/base/errors.ts'
import type { Feed, Received } from '../../src/feed.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Cursor, Tick } from '../../src/market/tick.ts'
import { watchTimers } from '../fakes/timer-watch.ts'

/** A feed, connected to a source on this machine that says only what the suite has it say. */
export interface FeedUnderTest<Raw> {
  readonly feed: Feed<Raw>
  readonly instruments: readonly Instrument[]
  /** The connections that the source sees now. */
  connections(): number
  /** Has the source say this to the connected feed. */
  say(text: string): void
  close(): Promise<void>
}

export interface FeedFixtures<Raw> {
  /** What `receive` makes of a message's text. */
  toRaw(text: string): Raw
  /** In the order in which the source would say them. */
  readonly messages: readonly {
    readonly name: string
    readonly text: string
    /** How many ticks it carries. */
    readonly ticks: number
  }[]
}

const RECEIVED = 1_732_250_000_123
const ABORT_MS = 100

/** What every feed must do, whatever its source. */
export function describeFeed<Raw>(
  name: string,
  make: () => Promise<FeedUnderTest<Raw>>,
  { toRaw, messages }: FeedFixtures<Raw>,
): void {
  describe(`${name}, as every feed`, () => {
    let made: FeedUnderTest<Raw>
    beforeEach(async () => {
      made = await make()
    })
    afterEach(() => made.close())

    test.each(messages)('reads $name', ({ text, ticks }) => {
      const read = made.feed.normalize(toRaw(text), RECEIVED)
      expect(read).toHaveLength(ticks)
      for (const tick of read) expectSound(tick, made.feed)
    })

    test('gives ids that rise along each stream', () => {
      const last = new Map<string, Cursor>()
      for (const { text } of messages) {
        for (const { symbol, id } of made.feed.normalize(toRaw(text), RECEIVED)) {
          expect(id).toBeGreaterThan(last.get(symbol) ?? -1)
          last.set(symbol, id)
        }
      }
    })

    test('refuses mangled messages with feed_payload and nothing else, and yields no wild price', () => {
      const texts = fc.constantFrom(...messages.map(({ text }) => text))
      fc.assert(
        fc.property(texts, fc.array(edit(), { minLength: 1, maxLength: 4 }), (text, edits) => {
          const mangled = edits.reduce((sofar, apply) => apply(sofar), text)
          expectSoundOrRefused(made.feed, () => made.feed.normalize(toRaw(mangled), RECEIVED))
        }),
        { numRuns: 2_000 },
      )
    })

    test('receives each message as it was said, and leaves no socket when the loop is left', async () => {
      const { feed, say } = made
      const heard: Received<Raw>[] = []
      const { iterable, connected } = listen(made)
      const reading = (async () => {
        for await (const batch of iterable) {
          heard.push(...batch)
          if (heard.length >= messages.length) break
        }
      })()
      await connected
      for (const { text } of messages) say(text)
      await reading
      const ticks = heard.flatMap(({ raw, received }) => feed.normalize(raw, received))
      expect(ticks.map(({ symbol, id }) => [symbol, id])).toEqual(
        messages.flatMap(({ text }) => feed.normalize(toRaw(text), 0)).map(({ symbol, id }) => [symbol, id]),
      )
      await expect.poll(() => made.connections()).toBe(0)
    })

    test('ends within 100 ms of an abort, also in silence, and leaves no socket and no timer', async () => {
      const timers = watchTimers()
      const { iterable, connected, abort } = listen(made)
      const reading = drain(iterable)
      await connected
      const start = performance.now()
      abort()
      await reading
      expect(performance.now() - start).toBeLessThan(ABORT_MS)
      expect(await timers.left()).toBe(0)
      await expect.poll(() => made.connections()).toBe(0)
    })

    test('leaves no socket when an abort finds the reader at work', async () => {
      const { iterable, connected, abort } = listen(made)
      const iterator = iterable[Symbol.asyncIterator]()
      const first = iterator.next()
      await connected
      made.say(messages[0]!.text)
      await first
      abort()
      await expect.poll(() => made.connections()).toBe(0)
      expect(await iterator.next()).toEqual({ done: true, value: undefined })
    })

    test('connects to nothing when the abort came first', async () => {
      const { iterable, abort } = listen(made)
      abort()
      await drain(iterable)
      expect(made.connections()).toBe(0)
    })
  })
}

function listen<Raw>({ feed, instruments }: FeedUnderTest<Raw>) {
  const controller = new AbortController()
  let isConnected = () => {}
  const connected = new Promise<void>((resolve) => {
    isConnected = resolve
  })
  return {
    iterable: feed.receive(instruments, { connected: () => isConnected() }, controller.signal),
    connected,
    abort: () => controller.abort(),
  }
}

async function drain(iterable: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of iterable);
}

function expectSound(tick: Tick, feed: Pick<Feed, 'symbols'>): void {
  expect(feed.symbols.map(({ symbol }) => symbol)).toContain(tick.symbol)
  expect(Number.isFinite(tick.price)).toBe(true)
  expect(Number.isSafeInteger(tick.id)).toBe(true)
  expect(tick.received).toBe(RECEIVED)
}

function expectSoundOrRefused(feed: Pick<Feed, 'symbols'>, read: () => readonly Tick[]): void {
  try {
    for (const tick of read()) expectSound(tick, feed)
  } catch (error) {
    if (!isGatewayError(error, 'feed_payload')) throw error
  }
}

/** What lines and disks do to a text: cut it, change, lose or add a character. */
function edit(): fc.Arbitrary<(text: string) => string> {
  const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
  const kinds = fc.constantFrom('cut', 'change', 'lose', 'add')
  return fc
    .tuple(kinds, place, fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }))
    .map(([kind, where, character]) => (text) => {
      const at = Math.floor(where * text.length)
      const rest = kind === 'add' ? at : at + 1
      if (kind === 'cut') return text.slice(0, at)
      return `${text.slice(0, at)}${kind === 'lose' ? '' : character}${text.slice(rest)}`
    })
}
