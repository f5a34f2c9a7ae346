import { describe, expect, it } from 'vitest'
import { FeedClock } from '../../src/market/feed-clock.ts'

const NOON = Date.UTC(2026, 10, 18, 12)

describe('the clock of a feed', () => {
  it('follows the newest event again after the wall clock of this machine was put forward', () => {
    const clock = new FeedClock()
    clock.observe(NOON, NOON)
    clock.observe(NOON + 1_000, NOON + 3_601_000)
    expect(clock.now(NOON + 3_601_000)).toBe(NOON + 1_000)
  })

  it('follows a recording that is played at half its speed', () => {
    const clock = new FeedClock()
    for (let second = 0; second <= 600; second += 2) clock.observe(NOON + second * 500, NOON + second * 1_000)
    expect(clock.now(NOON + 600_000)).toBe(NOON + 300_000)
  })

  it('comes back from one event that was far ahead', () => {
    const clock = new FeedClock()
    clock.observe(NOON + 60_000, NOON)
    for (let second = 1; second <= 120; second++) clock.observe(NOON + second * 1_000, NOON + second * 1_000)
    expect(clock.now(NOON + 120_000)).toBe(NOON + 120_000)
  })
})
