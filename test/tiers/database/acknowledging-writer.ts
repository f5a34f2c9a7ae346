/**
 * Run as a process of its own: writes batches of ticks to the embedded database in the given directory for ever and
 * prints the last id of each when it is committed. It ends by being killed.
 */
import { writeSync } from 'node:fs'
import { openDatabase } from '../../../src/tiers/database/open-database.ts'
import { BTC, ticks, updates } from '../fixtures.ts'

const BATCH = 500
const database = await openDatabase({ dataDir: process.argv[2] })
await database.register([BTC])
for (let first = 1; ; first += BATCH) {
  await database.write(ticks(BTC, ...updates(first, first + BATCH - 1)))
  writeSync(1, `${first + BATCH - 1}\n`)
}
