import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { isGatewayError } from '../../src/base/errors.ts'
import type { Feed, Received } from '../../src/feed.ts'
import { ingest } from '../../src/ingest.ts'
import type { Tick } from '../../src/market/tick.ts'
import { bestOf, type FeedUnderTest, firstRaws, listenTo, resolved } from './feed-listener.ts'
import { mangled } from './mangled.ts'

export type { FeedUnderTest } from './feed-listener.ts'

const RECEIVED = 1_732_250_000_123

/** An abort is heeded within this; of several tries the best, since a busy machine can be late by itself. */
const ABORT_MS = 100

/**
 * What every feed must do, whatever its source: proved against a simulator of the source, in which each symbol of the
 * feed is mapped to another name and one is not listed.
 */
export function describeFeed<Raw>(name: string, make: () => Promise<FeedUnderTest<Raw>>): void {
  describe(`${name}, as every feed`, () => {
    let made: FeedUnderTest<Raw>
    beforeEach(async () => {
      made = await make()
    })
    afterEach(() => made.close())

    test('finds the symbols that the source has, under our names, and refuses the other with a reason', async () => {
      const { instruments, refused } = await made.feed.resolve(new AbortController().signal)
      const asked = made.feed.symbols.filter(({ symbol }) => symbol !== made.unknown)
      expect(instruments.map(({ symbol, sourceSymbol }) => ({ symbol, sourceSymbol }))).toEqual(asked)
      for (const { source, assetClass, priceDigits, sizeDigits } of instruments) {
        expect({ source, assetClass }).toEqual({ source: made.feed.name, assetClass: made.feed.assetClass })
        expect(priceDigits).toBeGreaterThanOrEqual(0)
        expect(sizeDigits).toBeGreaterThanOrEqual(0)
      }
      expect(refused).toEqual([{ symbol: made.unknown, reason: expect.stringMatching(/\w+/) }])
    })

    test('brings ticks of every symbol, sound, in order, under our names', async () => {
      const symbols = (await resolved(made)).map(({ symbol }) => symbol)
      const ticks = await firstTicks(made, symbols)
      expect(new Set(ticks.map(({ symbol }) => symbol))).toEqual(new Set(symbols))
      for (const tick of ticks) expectSound(tick, made.feed)
      for (const symbol of symbols)
        expectOrder(
          ticks.filter((tick) => tick.symbol === symbol),
          made.feed,
        )
    })

    test('normalizes purely: the same again from the same, and the message is left as it was', async () => {
      for (const { raw } of await firstRaws(made, 50)) {
        const frozen = deepFreeze(structuredClone(raw))
        const ticks = made.feed.normalize(frozen, RECEIVED)
        expect(made.feed.normalize(frozen, RECEIVED)).toEqual(ticks)
        expect(made.feed.normalize(raw, RECEIVED)).toEqual(ticks)
      }
    })

    test('refuses mangled messages with feed_payload and nothing else, and yields no wild price', async () => {
      const raws = (await firstRaws(made, 50)).map(({ raw }) => raw)
      const read = (raw: Raw) => {
        for (const tick of made.feed.normalize(raw, RECEIVED)) expectSound(tick, made.feed)
      }
      fc.assert(
        fc.property(mangled(raws, made.payload), (raw) => {
          expect(refusalOf(() => read(raw)) ?? 'feed_payload').toBe('feed_payload')
        }),
        { numRuns: 1_000 },
      )
    })

    test('is read on behind messages that cannot be read, and each of those is counted', async () => {
      const good = await firstRaws(made, 20)
      const isRefused = (raw: Raw) => refusalOf(() => made.feed.normalize(raw, RECEIVED)) === 'feed_payload'
      const samples = fc.sample(
        mangled(
          good.map(({ raw }) => raw),
          made.payload,
        ),
        2_000,
      )
      const bad = samples.filter(isRefused).slice(0, good.length)
      expect(bad.length).toBeGreaterThan(0)
      const batch = good.flatMap((message, at) => [{ raw: bad[at % bad.length]!, received: RECEIVED }, message])
      const ticks: Tick[] = []
      const skipped: unknown[] = []
      const ports = {
        sequence: (tick: Tick) => void ticks.push(tick),
        skipped: (error: unknown) => void skipped.push(error),
      }
      const feed: Feed<Raw> = {
        ...made.feed,
        normalize: made.feed.normalize.bind(made.feed),
        receive: () => once(batch),
      }
      await ingest(feed as Feed, await resolved(made), ports, { connected() {} }, new AbortController().signal)
      expect(skipped).toHaveLength(good.length)
      expect(ticks).toEqual(good.flatMap(({ raw, received }) => made.feed.normalize(raw, received)))
    })

    test.each([
      { when: 'before it began', waitMs: 0 },
      { when: 'while it connects to a source that says nothing', waitMs: 30, hangs: 'before' },
      { when: 'while it waits for news', waitMs: 30 },
      { when: 'when the source has gone silent', waitMs: 150, hangs: 'after' },
    ])('ends within 100 ms of an abort $when', async ({ waitMs, hangs }) => {
      const took = await bestOf(3, ABORT_MS, async () => {
        await made.close()
        made = await make()
        const instruments = await resolved(made)
        if (hangs === 'before') made.hang()
        const { reading, connected, abort } = listenTo(made, instruments)
        if (waitMs > 0 && hangs !== 'before') await connected
        if (hangs === 'after') made.hang()
        await new Promise((resolve) => setTimeout(resolve, waitMs))
        const start = performance.now()
        abort()
        expect(await reading).toBeUndefined()
        return performance.now() - start
      })
      expect(took).toBeLessThan(ABORT_MS)
    })

    test('gives up to resolve within 100 ms of an abort', async () => {
      made.hang()
      const took = await bestOf(3, ABORT_MS, async () => {
        const controller = new AbortController()
        const asking = made.feed.resolve(controller.signal).catch(() => {})
        await new Promise((resolve) => setTimeout(resolve, 20))
        const start = performance.now()
        controller.abort()
        await asking
        return performance.now() - start
      })
      expect(took).toBeLessThan(ABORT_MS)
    })

    test('ends with feed_broken when the source fails, and tells no secret anywhere', async () => {
      const written: unknown[] = []
      const write = (...words: unknown[]) => void written.push(words)
      for (const level of ['error', 'warn', 'log', 'info', 'debug'] as const)
        vi.spyOn(console, level).mockImplementation(write)
      const { reading, connected } = listenTo(made, await resolved(made))
      await connected
      made.fail()
      const failures = [await reading, await made.feed.resolve(new AbortController().signal).catch((error) => error)]
      vi.restoreAllMocks()
      expect(failures[0]).toMatchObject({ code: 'feed_broken' })
      for (const secret of made.secrets ?? []) {
        expect(inspect([failures, written], { depth: 10, showHidden: true })).not.toContain(secret)
      }
    })
  })
}

async function firstTicks<Raw>(made: FeedUnderTest<Raw>, symbols: readonly string[]): Promise<readonly Tick[]> {
  const ticks: Tick[] = []
  const isEnough = () => ticks.length >= 10 && symbols.every((symbol) => ticks.some((tick) => tick.symbol === symbol))
  await firstRaws(made, Number.POSITIVE_INFINITY, ({ raw, received }) => {
    ticks.push(...made.feed.normalize(raw, received))
    return isEnough()
  })
  return ticks
}

function expectSound(tick: Tick, feed: Pick<Feed, 'symbols'>): void {
  expect(feed.symbols.map(({ symbol }) => symbol)).toContain(tick.symbol)
  if (tick.price === undefined) expect(tick.period).toMatch(/^\d{4}-\d\d-\d\d$/)
  else expect(Number.isFinite(tick.price)).toBe(true)
  expect(Number.isSafeInteger(tick.id) && tick.id >= 0).toBe(true)
  expect(Number.isSafeInteger(tick.time) && tick.time >= 0).toBe(true)
  expect(Number.isSafeInteger(tick.trades) && tick.trades >= 0).toBe(true)
  if (tick.size !== undefined) expect(Number.isFinite(tick.size) && tick.size >= 0).toBe(true)
}

/** Of one symbol. `rising` ids are the least ones: two prices of one moment have the same before they are placed. */
function expectOrder(ticks: readonly Tick[], { ids }: Pick<Feed, 'ids'>): void {
  ticks.slice(1).forEach(({ id, time }, at) => {
    const before = ticks[at]!
    if (ids === 'contiguous') expect(id).toBe(before.id + 1)
    else if (ids === 'given') expect(id).toBeGreaterThan(before.id)
    else expect(id).toBeGreaterThanOrEqual(before.id)
    expect(time).toBeGreaterThanOrEqual(before.time)
  })
}

/** The code with which it throws; undefined when it does not. What is not ours is thrown on. */
function refusalOf(read: () => unknown): string | undefined {
  try {
    read()
    return undefined
  } catch (error) {
    if (isGatewayError(error)) return error.code
    throw error
  }
}

async function* once<Raw>(batch: readonly Received<Raw>[]): AsyncIterable<readonly Received<Raw>[]> {
  yield batch
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value)
    for (const part of Object.values(value)) deepFreeze(part)
  }
  return value
}
