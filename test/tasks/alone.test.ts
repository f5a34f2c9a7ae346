import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { TaskEvent } from '../../src/base/task-event.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { runAlone } from '../../src/tasks/alone.ts'
import { spoolDirectory } from '../../src/tiers/database/database-tier.ts'
import { openDatabase } from '../../src/tiers/database/open-database.ts'
import { openSpool } from '../../src/tiers/spool/open-spool.ts'
import { describeWithPostgres } from '../servers/describe.ts'
import { freePort } from '../servers/launch.ts'
import { BTC, ticks, updates } from '../tiers/fixtures.ts'

const silent = { warn() {}, info() {} }

async function verify(config: Config): Promise<readonly TaskEvent[]> {
  const events: TaskEvent[] = []
  const request = { task: 'verify', symbol: 'BTC' } as const
  for await (const event of runAlone(request, config, [], new AbortController().signal)) events.push(event)
  return events
}

/** As a gateway leaves it that was killed while its server was away. */
async function leaveOnDisk(dataDir: string): Promise<void> {
  const spool = await openSpool({
    ...{ directory: spoolDirectory(dataDir), maxBytes: 2 ** 24, onDropped() {}, log: silent },
  })
  await spool.append(ticks(BTC, ...updates(4, 9)))
  await spool.close()
}

describeWithPostgres('a task where no gateway runs', (server) => {
  it('sees what still waits on disk for the server, and brings it there', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'tickgate-alone-'))
    try {
      const database = await openDatabase({ databaseUrl: server.url })
      await database.register([BTC])
      await database.write(ticks(BTC, ...updates(1, 3)))
      await leaveOnDisk(dataDir)

      const events = await verify(loadConfig({ DATABASE_URL: server.url, DATA_DIR: dataDir }))
      expect(events.filter(({ type }) => type === 'difference')).toEqual([])
      expect(events.at(-1)).toMatchObject({ type: 'summary', counts: { trades: 9 } })
      expect((await database.ticksAfter(BTC, 0, 99)).map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
      await database.close()
    } finally {
      await rm(dataDir, { recursive: true })
    }
  })

  it('says that the server is away, and leaves on disk what waits', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'tickgate-alone-'))
    try {
      await leaveOnDisk(dataDir)
      const databaseUrl = `postgres://postgres@127.0.0.1:${await freePort()}/none`
      const config = loadConfig({ DATABASE_URL: databaseUrl, DATA_DIR: dataDir })
      await expect(verify(config)).rejects.toMatchObject({ code: 'tier_unavailable' })
      const spool = await openSpool({
        ...{ directory: spoolDirectory(dataDir), maxBytes: 2 ** 24, onDropped() {}, log: silent },
      })
      expect(spool.stats.ticks).toBe(6)
      await spool.close()
    } finally {
      await rm(dataDir, { recursive: true })
    }
  })
})
