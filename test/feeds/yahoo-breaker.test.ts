import { beforeEach, expect, test } from 'vitest'
import { YahooBreaker } from '../../feeds/yahoo-breaker.ts'

const MINUTE = 60_000

let time: number
let breaker: YahooBreaker
beforeEach(() => {
  time = 1_000
  breaker = new YahooBreaker({ firstMs: MINUTE, maxMs: 30 * MINUTE }, () => time)
})

test('is closed until it is opened', () => {
  expect(breaker.openMs).toBe(0)
})

test('each refusal in a row doubles the cool-down, up to half an hour', () => {
  const minutes = [1, 2, 4, 8, 16, 30, 30].map(() => {
    breaker.open('quote')
    const { openMs } = breaker
    time += openMs
    expect(breaker.openMs).toBe(0)
    return openMs / MINUTE
  })
  expect(minutes).toEqual([1, 2, 4, 8, 16, 30, 30])
})

test('a success begins anew', () => {
  breaker.open('quote')
  time += MINUTE
  breaker.open('quote')
  time += 2 * MINUTE
  breaker.close('quote')
  breaker.open('quote')
  expect(breaker.openMs).toBe(MINUTE)
})

test('what was under way when it opened ends no cool-down', () => {
  breaker.open('quote')
  time += 1_000
  breaker.close('quote')
  expect(breaker.openMs).toBe(MINUTE - 1_000)
})

test('what is answered as ever is no sign that the refused is', () => {
  const minutes = [1, 2, 4].map(() => {
    breaker.open('quote')
    const { openMs } = breaker
    time += openMs
    breaker.close('chart')
    return openMs / MINUTE
  })
  expect(minutes).toEqual([1, 2, 4])
  breaker.close('quote')
  breaker.open('quote')
  expect(breaker.openMs).toBe(MINUTE)
})

test('what was under way when it opened counts for no further refusal', () => {
  breaker.open('quote')
  time += 1_000
  breaker.open('quote')
  expect(breaker.openMs).toBe(MINUTE - 1_000)
  time += MINUTE
  breaker.open('quote')
  expect(breaker.openMs).toBe(2 * MINUTE)
})

test('the longer of cool-down and Retry-After counts', () => {
  breaker.open('quote', 10_000)
  expect(breaker.openMs).toBe(MINUTE)
  breaker.open('quote', 5 * MINUTE)
  expect(breaker.openMs).toBe(5 * MINUTE)
})
