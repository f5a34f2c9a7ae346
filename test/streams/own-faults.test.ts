import { describe, expect, it } from 'vitest'
import { ExchangeFeed } from '../fakes/exchange-feed.ts'
import { startSide, tradeFor } from '../fakes/ingest-side.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)

/** What no source says: a fault in this program. */
function failOnce(feed: ExchangeFeed): { failed: boolean } {
  const state = { failed: false }
  feed.beforeAnswer = () => {
    if (state.failed) return
    state.failed = true
    throw new TypeError('x is not a function')
  }
  return state
}

describe('a fault of our own', () => {
  it('while a stream is joined lets no tick wait for ever: it is joined once more', async () => {
    const feed = new ExchangeFeed(NOON)
    tradeFor(feed, 3)
    const side = startSide(feed, new MemoryDatabase())
    await side.caughtUp()
    const state = failOnce(feed)
    feed.trade(100, { lost: true })
    feed.trade()
    await side.caughtUp()
    expect(state.failed).toBe(true)
    expect(side.published.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5])
    expect(side.gaps).toEqual([])
  })

  it('while a quiet stream is asked for is told, and ends nothing else', async () => {
    const feed = new ExchangeFeed(NOON)
    tradeFor(feed, 3)
    const side = startSide(feed, new MemoryDatabase(), { quietMs: 20, now: Date.now })
    await side.caughtUp()
    const state = failOnce(feed)
    feed.trade(100, { lost: true })
    await expect.poll(() => state.failed, { timeout: 2_000 }).toBe(true)
    await expect
      .poll(() => side.log.lines.some(({ fields }) => String(fields.reason).includes('x is not a function')))
      .toBe(true)
    feed.trade()
    await side.caughtUp()
  })
})
