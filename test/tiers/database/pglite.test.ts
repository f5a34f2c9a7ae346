import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { openDatabase } from '../../../src/tiers/database/open-database.ts'
import { describeDatabase } from './describe-database.ts'

let dataDir: string
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tickgate-pglite-'))
})
afterAll(() => rm(dataDir, { recursive: true, force: true }))

describeDatabase('PGlite', (options) => openDatabase({ dataDir, ...options }))
