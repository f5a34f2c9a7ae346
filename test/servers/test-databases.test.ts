import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWithPostgres } from './describe.ts'
import { runStatements } from './postgresql.ts'
import { dropDatabases, dropLeftovers } from './test-databases.ts'

describeWithPostgres('the databases of the tests', (server) => {
  // A process id that no system gives out, and this process; an old run, and one of today.
  const DEAD = 4_194_305
  const today = Math.floor(Date.now() / 1_000)
  const names = {
    old: `tickgate_test_${DEAD}_${today - 2 * 86_400}_left`,
    oldButRunning: `tickgate_test_${process.pid}_${today - 2 * 86_400}_left`,
    young: `tickgate_test_${DEAD}_${today}_left`,
  }
  const existing = async () => {
    const rows = await runStatements(server.url, ["select datname from pg_database where datname like '%\\_left'"])
    return rows.map(({ datname }) => datname)
  }
  beforeAll(async () => {
    for (const name of Object.values(names)) await runStatements(server.url, [`create database ${name}`])
  })
  afterAll(async () => {
    for (const name of Object.values(names)) await dropDatabases(server.url, name)
  })

  it('are dropped by a later run when theirs is gone for a day, and not before', async () => {
    await dropLeftovers(server.url)
    const left = await existing()
    expect(left).not.toContain(names.old)
    expect(left).toContain(names.oldButRunning)
    expect(left).toContain(names.young)
  })
})
