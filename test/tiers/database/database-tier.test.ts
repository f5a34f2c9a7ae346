import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { holderOf, lockDataDir } from '../../../src/tiers/data-dir-lock.ts'
import { type DatabaseTierOptions, openDatabaseTier } from '../../../src/tiers/database/database-tier.ts'
import { createLogRecorder } from '../../fakes/log-recorder.ts'
import { freePort } from '../../servers/launch.ts'
import { BTC, NOON, ticks, update } from '../fixtures.ts'

let dataDir: string
let lockFile: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tickgate-tier-'))
  lockFile = join(dataDir, 'tickgate.lock')
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

const openTier = (options: Partial<DatabaseTierOptions> = {}) =>
  openDatabaseTier({
    ...{ databaseUrl: undefined, dataDir, tickRetentionDays: 7, stop: undefined },
    ...{ log: createLogRecorder(), now: () => NOON },
    ...options,
  })

/** Every running thread of this process has one. */
const portsOfThreads = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length

describe('the database of a gateway', () => {
  it('can be used before it is made, and keeps what was written over a restart', { timeout: 60_000 }, async () => {
    const first = await openTier()
    expect(first.status).toEqual({ kind: 'pglite', state: 'opening', since: NOON })
    await first.database.register([BTC])
    expect(await first.database.ticksAfter(BTC, 0, 9)).toEqual([])
    await first.database.write(ticks(BTC, update(1)))
    await first.opened
    expect(first.status).toEqual({ kind: 'pglite', state: 'open', since: NOON })
    expect(await first.database.ticksAfter(BTC, 0, 9)).toEqual([update(1)])
    await first.close()
    const second = await openTier()
    await second.database.register([BTC])
    expect(await second.database.ticksAfter(BTC, 0, 9)).toEqual([update(1)])
    await second.close()
  })

  it('has its directory alone until it is closed', async () => {
    const first = await openTier()
    await expect(openTier()).rejects.toMatchObject({ code: 'data_dir_locked' })
    expect(existsSync(lockFile)).toBe(true)
    await first.close()
    await first.close()
    expect(existsSync(lockFile)).toBe(false)
    await (await openTier()).close()
  })

  it('is closed while it is being made within 2 s, and leaves no thread', async () => {
    const before = portsOfThreads()
    const tier = await openTier()
    const written = expect(tier.database.write(ticks(BTC, update(1)))).rejects.toMatchObject({
      code: 'tier_unavailable',
    })
    await expect.poll(portsOfThreads).toBeGreaterThan(before)
    const started = performance.now()
    await tier.close()
    expect(performance.now() - started).toBeLessThan(2_000)
    await written
    await expect(tier.opened).rejects.toMatchObject({ code: 'tier_unavailable' })
    expect(portsOfThreads()).toBe(before)
    expect(existsSync(lockFile)).toBe(false)
  })

  it('gives its making up when it is told to, and frees the directory when it is closed', async () => {
    const stop = new AbortController()
    const tier = await openTier({ stop: stop.signal })
    stop.abort(new Error('stopped by the user'))
    await expect(tier.opened).rejects.toThrow('stopped by the user')
    await expect(tier.database.write(ticks(BTC, update(1)))).rejects.toThrow('stopped by the user')
    await tier.close()
    expect(existsSync(lockFile)).toBe(false)
  })

  it('frees the directory when what is there cannot be opened', async () => {
    await mkdir(join(dataDir, 'pglite'))
    await writeFile(join(dataDir, 'pglite', 'PG_VERSION'), 'no version of anything\n')
    await expect(openTier()).rejects.toMatchObject({ code: 'tier_unavailable' })
    expect(existsSync(lockFile)).toBe(false)
  }, 30_000)

  it('begins without its server when that is away, and keeps on disk what is written until a later start', async () => {
    const databaseUrl = `postgres://someone@127.0.0.1:${await freePort()}/prices`
    const first = await openTier({ databaseUrl })
    await first.database.register([BTC])
    await first.database.write(ticks(BTC, update(1), update(2, { prev: 1 })))
    expect(first.status).toMatchObject({
      kind: 'postgresql',
      state: 'away',
      reason: expect.stringContaining('ECONNREFUSED'),
    })
    await first.close()
    await expect(first.opened).rejects.toMatchObject({ code: 'tier_unavailable' })
    expect(existsSync(lockFile)).toBe(false)
    const second = await openTier({ databaseUrl })
    expect(second.spool?.stats.ticks).toBe(2)
    expect((await second.waiting(BTC, 1))?.ticks).toEqual([update(2, { prev: 1 })])
    await second.close()
  })

  it('has its directory alone with a server too, and says where it is found', async () => {
    const lock = await lockDataDir(dataDir, 'http://127.0.0.1:8080')
    const databaseUrl = `postgres://someone@127.0.0.1:${await freePort()}/prices`
    await expect(openTier({ databaseUrl })).rejects.toMatchObject({ code: 'data_dir_locked' })
    await lock.release()
    const tier = await openTier({ url: 'http://127.0.0.1:8081' })
    expect(await holderOf(dataDir)).toMatchObject({ pid: process.pid, url: 'http://127.0.0.1:8081' })
    await tier.close()
    expect(await holderOf(dataDir)).toBeUndefined()
  })
})
