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

  it('is not put back by what happened long ago and was asked for only now, but no earlier than that', () => {
    const clock = new FeedClock()
    clock.observe(NOON, NOON)
    clock.observeLate(NOON + 30_000, NOON + 120_000)
    expect(clock.now(NOON + 120_000)).toBe(NOON + 120_000)
    clock.observeLate(NOON + 150_000, NOON + 120_000)
    expect(clock.now(NOON + 121_000)).toBe(NOON + 151_000)
  })

  it('knows when its source was there last, with news or without', () => {
    const clock = new FeedClock()
    expect(clock.heardAt).toBeUndefined()
    clock.observe(NOON, NOON + 5)
    clock.observe(NOON - 1_000, NOON + 40)
    expect(clock.heardAt).toBe(NOON + 40)
    clock.heard(NOON + 90)
    clock.observe(NOON + 1, NOON + 80)
    expect([clock.heardAt, clock.now(NOON + 80)]).toEqual([NOON + 90, NOON + 1])
  })

  it('comes back from one event that was far ahead', () => {
    const clock = new FeedClock()
    clock.observe(NOON + 60_000, NOON)
    for (let second = 1; second <= 120; second++) clock.observe(NOON + second * 1_000, NOON + second * 1_000)
    expect(clock.now(NOON + 120_000)).toBe(NOON + 120_000)
  })
})
