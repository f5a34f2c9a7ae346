import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { BTC } from '../fixtures.ts'
import { openTemporary, temporaryDirectory } from './temporary-spool.ts'

const SCRIPT = fileURLToPath(new URL('acknowledging-spool.ts', import.meta.url))

/** A process that appends, and what it prints. `limit`: the most 512-byte blocks that a file of it may have. */
function startAppending(directory: string, limit?: number) {
  const command = `${limit === undefined ? '' : `ulimit -f ${limit}; `}exec "$0" --import tsx "$1" "$2"`
  const child = spawn('/bin/sh', ['-c', command, process.execPath, SCRIPT, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() }
}

test('after kill -9 everything that was acknowledged is there, linked without a hole, and its candle is not newer', {
  timeout: 60_000,
}, async () => {
  const directory = temporaryDirectory()
  let acknowledged = 0
  for (const batches of [3, 10, 25]) {
    const { child, lines } = startAppending(directory)
    for (let batch = 0; batch < batches; batch += 1) acknowledged = Number((await lines.next()).value)
    child.kill('SIGKILL')
    await once(child, 'close')
    for await (const line of { [Symbol.asyncIterator]: () => lines }) acknowledged = Number(line)

    const { spool } = await openTemporary({ directory })
    const found = await spool.ticksAfter(BTC, -1, 1e6)
    const newest = found.at(-1)!.id
    expect(newest).toBeGreaterThanOrEqual(acknowledged)
    expect(found.map(({ id }) => id)).toEqual(Array.from({ length: newest }, (_, index) => index + 1))
    const lastId = spool.candles(BTC)[0]!.candle.lastId!
    expect(lastId).toBeGreaterThanOrEqual(acknowledged)
    expect(lastId).toBeLessThanOrEqual(newest)
    await spool.close()
  }
})

test('a file that the system lets grow no further is tier_unavailable, and the next one is begun', {
  timeout: 60_000,
}, async () => {
  const directory = temporaryDirectory()
  const { child, lines } = startAppending(directory, 100)
  const said: string[] = []
  while (said.filter((line) => /^tier_unavailable/.test(line)).length < 3) said.push((await lines.next()).value)
  for (let more = 0; more < 3; more += 1) said.push((await lines.next()).value)
  child.kill('SIGKILL')
  await once(child, 'close')
  for await (const line of { [Symbol.asyncIterator]: () => lines }) said.push(line)
  expect(said.find((line) => line.startsWith('tier'))).toMatch(
    /^tier_unavailable the spool's disk must work, but: EFBIG/,
  )
  const { spool } = await openTemporary({ directory })
  const found = await spool.ticksAfter(BTC, -1, 1e6)
  const acknowledged = said.map(Number).filter((id) => id > 0)
  expect(found.length).toBeGreaterThanOrEqual(acknowledged.at(-1)!)
  expect(found.map(({ id }) => id)).toEqual(found.map((_, index) => index + 1))
})
