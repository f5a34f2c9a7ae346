import { describe, expect, it } from 'vitest'
import { Statuses } from '../../src/gateway/statuses.ts'
import type { DatabaseStatus } from '../../src/tiers/database/database-status.ts'
import type { RedisStatus } from '../../src/tiers/redis/redis-tier.ts'
import type { StatusRow } from '../../src/wire/messages.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const NO_KEY = 'FRED_API_KEY must be set, is not'

function start() {
  const clock = new FakeClock()
  const tiers = {
    redis: { status: { state: 'off', since: 0, reason: 'no Redis is configured' } as RedisStatus },
    database: {
      status: { kind: 'postgresql', state: 'opening', since: 0 } as DatabaseStatus,
      spool: { stats: { ticks: 0, candles: 0 } },
    },
  }
  const told: StatusRow[] = []
  const statuses = new Statuses({
    ...{ off: [{ feed: 'fred', reason: NO_KEY }], tiers, clock, now: () => 1_000 + clock.now() },
    onChange: (row) => told.push(row),
  })
  return { clock, tiers, told, statuses }
}

describe('the statuses of a gateway', () => {
  it('have every feed, those that are off with how to switch them on, and every tier', () => {
    const { statuses, told } = start()
    statuses.feed({ feed: 'binance', state: 'connecting', since: 1_005, reason: undefined, restarts: 0 })
    expect(statuses.rows()).toEqual([
      { feed: 'fred', state: 'off', since: 1_000, reason: NO_KEY },
      { feed: 'binance', state: 'connecting', since: 1_005 },
      { tier: 'database', state: 'connecting', since: 0 },
      { tier: 'redis', state: 'off', since: 1_000, reason: 'no Redis is configured' },
    ])
    expect(told).toEqual([{ feed: 'binance', state: 'connecting', since: 1_005 }])
  })

  it('tell of a feed when its state or its reason is another, not when it was only started once more', () => {
    const { statuses, told } = start()
    const down = { feed: 'binance', state: 'down', since: 5, reason: 'cut', restarts: 1 } as const
    for (const restarts of [1, 2, 3]) statuses.feed({ ...down, restarts })
    statuses.feed({ ...down, restarts: 4, reason: 'refused' })
    expect(told.map(({ reason }) => reason)).toEqual(['cut', 'refused'])
    expect(statuses.feeds.get('binance')?.restarts).toBe(4)
  })

  it('name the tiers with the same words: away is down, what drains its spool is stale until it is through', async () => {
    const { clock, tiers, told } = start()
    const { database } = tiers
    database.status = { kind: 'postgresql', state: 'open', since: 1_200 }
    await clock.advance(600)
    database.status = { kind: 'postgresql', state: 'away', since: 1_700, reason: 'ECONNREFUSED' }
    database.spool = { stats: { ticks: 9, candles: 0 } }
    await clock.advance(600)
    database.status = { kind: 'postgresql', state: 'open', since: 2_300 }
    await clock.advance(600)
    database.spool = { stats: { ticks: 0, candles: 0 } }
    await clock.advance(600)
    expect(told).toEqual([
      { tier: 'database', state: 'live', since: 1_500 },
      { tier: 'database', state: 'down', since: 1_700, reason: 'ECONNREFUSED' },
      {
        ...{ tier: 'database', state: 'stale', since: 2_500 },
        reason: expect.stringContaining('is still being stored'),
      },
      { tier: 'database', state: 'live', since: 3_000 },
    ])
  })

  it('look at nothing any more when they are closed', () => {
    const { clock, statuses } = start()
    statuses.close()
    expect(clock.set).toBe(0)
  })
})
