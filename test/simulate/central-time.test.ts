import { expect, test } from 'vitest'
import { centralDay, centralMoment, printCentral } from '../../src/simulate/fred/central-time.ts'

const HOUR = 3_600_000

test('the time in St. Louis is the platform’s, around every change of the clocks', () => {
  const platform = new Intl.DateTimeFormat('en-CA', {
    timeZone: 'America/Chicago',
    dateStyle: 'short',
    timeStyle: 'medium',
    hourCycle: 'h23',
  })
  for (let year = 1990; year < 2040; year++) {
    for (let time = Date.UTC(year, 0, 1); time < Date.UTC(year + 1, 0, 1); time += 23 * HOUR) {
      expect(printCentral(time).slice(0, 19)).toBe(platform.format(time).replace(', ', ' '))
    }
  }
})

test('a moment there can be read back', () => {
  expect(new Date(centralMoment('2024-12-19', 28_501)).toISOString()).toBe('2024-12-19T13:55:01.000Z')
  expect(printCentral(centralMoment('2024-07-01', 28_501))).toBe('2024-07-01 07:55:01-05')
  expect(centralDay(Date.UTC(2024, 6, 1, 4))).toBe('2024-06-30')
})
