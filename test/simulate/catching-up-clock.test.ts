import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createCatchingUpClock } from '../../src/simulate/catching-up-clock.ts'

const DAY = 24 * 60 * 60_000
const BEGIN = Date.UTC(2026, 10, 22)

let directory: string
let wall: number
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tickgate-clock-'))
  wall = BEGIN
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const start = () => createCatchingUpClock({ directory, from: BEGIN - 100 * DAY, speed: 8_640, now: () => wall })

describe('a clock that catches up', () => {
  test('runs fast through the past, then with wall time', () => {
    const clock = start()
    expect(clock()).toBe(BEGIN - 100 * DAY)
    wall += 10_000
    expect(clock()).toBe(BEGIN - 99 * DAY)
    wall += 3_600_000
    expect(clock()).toBe(wall)
    wall += 1_000
    expect(clock()).toBe(wall)
  })

  test('never goes back, over a restart and when the host is set back', () => {
    let shown = 0
    for (const pause of [0, 5_000, 60_000, 1_000]) {
      const clock = start()
      for (let n = 0; n < 50; n += 1) {
        wall += pause
        expect(clock()).toBeGreaterThanOrEqual(shown)
        shown = clock()
      }
      const before = wall
      wall -= 3_600_000
      expect(clock()).toBe(shown)
      wall = before
    }
  })

  test('begins anew where its directory is empty, and refuses a file that is not its own', async () => {
    start()()
    const file = join(directory, 'release-clock.json')
    expect(JSON.parse(await readFile(file, 'utf8')).reservedUntil).toBeGreaterThan(BEGIN - 100 * DAY)
    await writeFile(file, '{}')
    expect(start).toThrow(expect.objectContaining({ code: 'config_invalid' }))
  })
})
