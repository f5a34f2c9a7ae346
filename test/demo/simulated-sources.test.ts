import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startSimulatedSources } from '../../src/demo/simulated-sources.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tickgate-sources-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const servers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPServerWrap').length
const OPTIONS = { seed: 1, rate: 50, symbols: 5 }

test('the sources of the demo are all started, and all ended', async () => {
  const before = servers()
  const sources = await startSimulatedSources({ ...OPTIONS, directory })
  expect(servers()).toBe(before + 3)
  expect(sources.yahoo.calendar.stateAt(sources.yahoo.clock())).toMatch(/^(PRE|REGULAR|POST)$/)
  expect(sources.fred.clock()).toBeLessThanOrEqual(Date.now())
  await sources.close()
  // A closed server's handle is gone a turn later.
  await expect.poll(servers).toBe(before)
})

test.each(['simulator.json', 'release-clock.json'])('none is left running when %s cannot be read', async (file) => {
  const before = servers()
  await writeFile(join(directory, file), 'no JSON')
  await expect(startSimulatedSources({ ...OPTIONS, directory })).rejects.toMatchObject({ code: 'config_invalid' })
  await expect.poll(servers).toBe(before)
})
