import { describe, expect, test } from 'vitest'
import { createCalendar, NEW_YORK } from '../../../src/simulate/yahoo/exchange-hours.ts'

const calendar = createCalendar(NEW_YORK)
const at = (text: string) => calendar.stateAt(Date.parse(text))

describe('the hours of New York', () => {
  test.each([
    ['2026-11-18T03:59:59-05:00', 'PREPRE'],
    ['2026-11-18T04:00:00-05:00', 'PRE'],
    ['2026-11-18T09:29:59.999-05:00', 'PRE'],
    ['2026-11-18T09:30:00-05:00', 'REGULAR'],
    ['2026-11-18T15:59:59.999-05:00', 'REGULAR'],
    ['2026-11-18T16:00:00-05:00', 'POST'],
    ['2026-11-18T20:00:00-05:00', 'POSTPOST'],
    ['2026-11-21T12:00:00-05:00', 'CLOSED'],
    ['2026-11-22T12:00:00-05:00', 'CLOSED'],
    ['2026-11-26T12:00:00-05:00', 'CLOSED'],
    ['2026-12-25T12:00:00-05:00', 'CLOSED'],
    ['2026-11-27T12:59:59-05:00', 'REGULAR'],
    ['2026-11-27T13:00:00-05:00', 'POST'],
    ['2026-11-27T17:00:00-05:00', 'POSTPOST'],
  ])('%s is %s', (time, state) => {
    expect(at(time)).toBe(state)
  })

  test('stay on the wall clock when the clocks change', () => {
    const opens = ['2026-03-06', '2026-03-09', '2026-10-30', '2026-11-02'].map((date) => {
      const day = Date.parse(`${date}T00:00:00Z`) / 86_400_000
      return new Date(calendar.sessionOf(day)!.open).toISOString().slice(11, 16)
    })
    expect(opens).toEqual(['14:30', '13:30', '13:30', '14:30'])
  })

  test('have a session before and after every day', () => {
    const day = Date.parse('2026-11-26T00:00:00Z') / 86_400_000
    expect(calendar.sessionBefore(day).day).toBe(day - 1)
    expect(calendar.sessionFrom(day).day).toBe(day + 1)
    expect(calendar.sessionFrom(day + 2).day).toBe(day + 4)
  })

  test('can be of an exchange that never has a day off', () => {
    const always = createCalendar({ ...NEW_YORK, everyDay: true })
    expect(always.stateAt(Date.parse('2026-11-26T12:00:00-05:00'))).toBe('REGULAR')
    expect(always.stateAt(Date.parse('2026-11-22T12:00:00-05:00'))).toBe('REGULAR')
  })
})
