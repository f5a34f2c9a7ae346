import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openDeadLetters } from '../../../src/tiers/database/dead-letters.ts'
import { createLogRecorder } from '../../fakes/log-recorder.ts'
import { BTC, NOON, update } from '../fixtures.ts'

function open(maxBytes?: number) {
  const directory = mkdtempSync(join(tmpdir(), 'tickgate-letters-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const log = createLogRecorder()
  const letters = openDeadLetters({ directory, log, now: () => NOON, ...(maxBytes === undefined ? {} : { maxBytes }) })
  const read = (name: string) =>
    readFileSync(join(directory, name), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  return { directory, letters, log, read }
}

const row = (id: number, price: number) => ({ instrumentId: 1, instrument: BTC, update: update(id, { price }) })

it('a refused row is written down with the time, its stream and the reason', async () => {
  const { letters, read } = open()
  letters.add(row(5, Number.NaN), 'price must be a finite number, was NaN')
  letters.add(row(6, 2), 'out of the calendar')
  await letters.close()
  expect(letters.count).toBe(2)
  const [first, second] = read('dead-letters.ndjson')
  expect(first).toMatchObject({
    time: new Date(NOON).toISOString(),
    stream: 'binance:BTCUSDT',
    reason: 'price must be a finite number, was NaN',
    update: { id: 5, price: 'NaN' },
  })
  expect(second).toMatchObject({ update: { id: 6, price: 2 } })
})

it('a full file makes way for a new one, and only the last two are kept', async () => {
  const { letters, read } = open(100)
  for (const id of [1, 2, 3]) {
    letters.add(row(id, 1), 'no')
    await letters.close()
  }
  expect(read('dead-letters.1.ndjson').map(({ update: { id } }) => id)).toEqual([2])
  expect(read('dead-letters.ndjson').map(({ update: { id } }) => id)).toEqual([3])
})

it('a disk that fails costs the rows their file, and says so', async () => {
  const { directory, letters, log } = open()
  rmSync(directory, { recursive: true })
  letters.add(row(1, 1), 'no')
  await letters.close()
  expect(letters.count).toBe(1)
  expect(log.lines.map(({ message }) => message)).toContain('refused rows could not be written down')
})
