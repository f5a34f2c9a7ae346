import { describe, expect, it } from 'vitest'
import { createGate } from '../../src/base/gate.ts'
import { AwayDatabase } from '../fakes/away-database.ts'
import { ExchangeFeed } from '../fakes/exchange-feed.ts'
import { runAndStop, startSide, tradeFor } from '../fakes/ingest-side.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)

describe('a stream that began without its database', () => {
  it('is known from its beginning in no turn before its holes are told: whoever reads in between would cross them', async () => {
    const feed = new ExchangeFeed(NOON)
    const database = new AwayDatabase()
    tradeFor(feed, 100)
    await runAndStop(feed, database)
    const stored = database.ticks.at(-1)!.id
    tradeFor(feed, 3_000)
    database.isAway = true
    const side = startSide(feed, database)
    await side.caughtUp()
    const stream = side.stream()
    const began = stream.unknownThrough
    expect(began).toBeGreaterThan(stored)

    const seen: number[] = []
    const look = async () => {
      for (let step = 0; step < 100; step++) {
        await Promise.resolve()
        if (stream.unknownThrough === undefined) seen.push(side.gaps.length)
      }
    }
    database.onRead = () => void look()
    database.isAway = false
    await expect.poll(() => stream.unknownThrough).toBe(undefined)
    await expect.poll(() => seen.length).toBeGreaterThan(0)
    expect(seen.filter((gaps) => gaps === 0)).toEqual([])
    expect(side.gaps[0]).toMatchObject({ from: stored + 1, to: began })
  })
  it('is not set back to what is stored when its source was quicker than the database', async () => {
    const feed = new ExchangeFeed(NOON)
    const database = new AwayDatabase()
    tradeFor(feed, 100)
    await runAndStop(feed, database)
    tradeFor(feed, 3_000)
    database.isAway = true
    const answer = createGate()
    let asked = 0
    feed.beforeAnswer = () => (asked++ === 0 ? undefined : answer.opened)
    const side = startSide(feed, database)
    await side.until(() => asked > 1)

    const [reading, read] = [createGate(), createGate()]
    database.onRead = () => {
      reading.open()
      return read.opened
    }
    database.isAway = false
    feed.cut()
    await reading.opened
    answer.open()
    await side.until(() => side.stream().cursor === feed.past.at(-1)!.id)
    read.open()
    await expect.poll(() => side.stream().unknownThrough).toBe(undefined)
    feed.trade()
    await side.caughtUp()
    const ids = side.published.map(({ id }) => id)
    expect(
      side
        .stream()
        .tail(10_000)
        .map(({ id }) => id),
    ).toEqual(ids)
    expect(side.gaps[0]).toMatchObject({ to: ids[0]! - 1 })
  })
})
