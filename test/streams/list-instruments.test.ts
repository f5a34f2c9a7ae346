import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import type { Resolved } from '../../src/feed.ts'
import { BTC, ExchangeFeed } from '../fakes/exchange-feed.ts'
import { expectCandlesOf, runAndStop, startSide, tradeFor } from '../fakes/ingest-side.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)
const SETTINGS = { holdBackMs: 150, now: Date.now, backoffMs: 5 }

/** Bans us from questions, not from its stream. */
class Banning extends ExchangeFeed {
  isBanning = false
  listed: Resolved['instruments'] = [BTC]
  refused: Resolved['refused'] = []
  override beforeAnswer = () => {
    if (this.isBanning) throw new GatewayError('feed_broken', 'banned until tomorrow')
  }
  override async resolve() {
    await this.beforeAnswer()
    return { instruments: this.listed, refused: this.refused }
  }
}

describe('a symbol that its source has no longer', () => {
  it('is served as it is stored, and its stream is over', async () => {
    const { feed, database } = await storedLife()
    feed.isBanning = false
    feed.listed = []
    feed.refused = [{ symbol: 'BTC', reason: 'delisted' }]
    const side = startSide(feed, database, SETTINGS)
    await side.warm
    expect(side.stream()).toMatchObject({ cursor: 3, live: false, over: true })
  })
})

describe('a source that refuses all', () => {
  it('is off, and nobody is told to wait for its symbols', async () => {
    const feed = new Banning(NOON)
    feed.beforeAnswer = () => {
      throw new GatewayError('feed_refused', 'the key must be known, is not')
    }
    const side = startSide(feed, new MemoryDatabase(), SETTINGS)
    await soon(() => side.statuses.at(-1)?.state).toBe('off')
    expect(side.memory.awaited()).toEqual([])
  })
})

describe('a start while the source answers no question', () => {
  it('goes live with the stored instruments, and fills what was missed when it answers again', async () => {
    const { feed, database } = await storedLife()
    const side = startSide(feed, database, SETTINGS)
    await soon(() => side.statuses.at(-1)?.state).toBe('live')
    const { id } = feed.trade()
    await soon(() => side.published.at(-1)?.id).toBe(id)
    expect(side.gaps).toMatchObject([{ from: 4, to: id - 1 }])
    feed.isBanning = false
    await expect.poll(() => side.settled, { timeout: 5_000 }).toMatchObject([{ from: 4, to: id - 1, status: 'filled' }])
    // It lists what runs: nothing had to begin anew.
    expect(side.statuses.map(({ state }) => state)).toEqual(['connecting', 'live'])
    await expectCandlesOf(feed, side)
  })

  it('begins anew when the source lists something else than what is stored', async () => {
    const { feed, database } = await storedLife()
    feed.listed = [{ ...BTC, priceDigits: 3 }]
    const side = startSide(feed, database, SETTINGS)
    await soon(() => side.statuses.at(-1)?.state).toBe('live')
    feed.isBanning = false
    await soon(() => side.statuses.at(-1)).toMatchObject({ state: 'live', restarts: 1 })
    const { id } = feed.trade()
    await soon(() => side.published.at(-1)?.id).toBe(id)
    expect(side.statuses.find(({ state }) => state === 'down')?.reason).toContain('must run what the source lists')
  })

  it('waits when nothing is stored, and says why', async () => {
    const feed = new Banning(NOON)
    feed.isBanning = true
    const side = startSide(feed, new MemoryDatabase(), SETTINGS)
    await soon(() => side.statuses.at(-1)).toMatchObject({ state: 'down', reason: 'banned until tomorrow' })
    feed.isBanning = false
    await soon(() => side.statuses.at(-1)?.state).toBe('live')
  })

  it('ends with a stop, whatever it is waiting for', async () => {
    const { feed, database } = await storedLife()
    const side = startSide(feed, database, SETTINGS)
    await soon(() => side.statuses.at(-1)?.state).toBe('live')
    await side.stop()
  })
})

/** Three trades are stored, two are missed, and the source bans us. */
async function storedLife() {
  const feed = new Banning(NOON)
  const database = new MemoryDatabase()
  tradeFor(feed, 3)
  await runAndStop(feed, database)
  tradeFor(feed, 2)
  feed.isBanning = true
  return { feed, database }
}

/** On a busy machine, too. */
function soon<T>(read: () => T) {
  return expect.poll(read, { timeout: 10_000 })
}
