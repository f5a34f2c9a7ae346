import { afterEach, describe, expect, it } from 'vitest'
import { openDatabaseTier } from '../../../src/tiers/database/database-tier.ts'
import { createLogRecorder } from '../../fakes/log-recorder.ts'
import { describeWithPostgres } from '../../servers/describe.ts'
import { type Fault, type FaultProxy, openFaultProxy } from '../../servers/fault-proxy.ts'
import { BTC, NOON, ticks, update } from '../fixtures.ts'
import { temporaryDirectory } from '../spool/temporary-spool.ts'

const open: (() => unknown)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

describeWithPostgres('a gateway whose wire to PostgreSQL fails', (server) => {
  async function start() {
    const proxy: FaultProxy = await openFaultProxy(Number(new URL(server.url).port || 5_432))
    const tier = await openDatabaseTier({
      ...{ databaseUrl: proxy.through(server.url), dataDir: temporaryDirectory(), tickRetentionDays: 7 },
      ...{ stop: undefined, log: createLogRecorder(), now: () => NOON },
    })
    open.push(
      () => proxy.close(),
      () => tier.close(),
    )
    const instrument = { ...BTC, sourceSymbol: `BTC${proxy.port}` }
    await tier.database.register([instrument])
    const write = (id: number) => tier.database.write(ticks(instrument, update(id, { prev: id - 1 })))
    const ids = async () => (await tier.database.ticksAfter(instrument, 0, 100)).map(({ id }) => id)
    return { proxy, tier, instrument, write, ids }
  }

  const took = async (work: Promise<unknown>): Promise<number> => {
    const began = performance.now()
    await work.catch(() => undefined)
    return performance.now() - began
  }

  const faults: readonly Fault['kind'][] = ['refuse', 'reset', 'black-hole', 'stall']

  describe.each(faults)('%s', (kind) => {
    it('keeps what is written within seconds, lets no reader wait, and recovers', { timeout: 60_000 }, async () => {
      const { proxy, tier, instrument, write, ids } = await start()
      await Promise.all([write(1), ids(), ids(), ids()])
      await proxy.set({ kind } as Fault)
      expect(await took(write(2)), 'the first write finds out').toBeLessThan(3_500)
      expect(await took(write(3)), 'then nobody waits').toBeLessThan(500)
      expect(await took(tier.database.candles(instrument, '1m', 1))).toBeLessThan(500)
      expect(await tier.database.ticksAfter(instrument, 2, 9)).toHaveLength(1)
      await proxy.set('pass')
      const back = performance.now()
      await expect.poll(() => tier.spool?.stats.ticks, { timeout: 20_000, interval: 50 }).toBe(0)
      expect(performance.now() - back).toBeLessThan(6_000)
      await write(4)
      expect(await ids()).toEqual([1, 2, 3, 4])
    })
  })

  it('writes through a slow wire', { timeout: 60_000 }, async () => {
    const { proxy, write, ids } = await start()
    await proxy.set({ kind: 'delay', ms: 300 })
    for (const id of [1, 2, 3]) await write(id)
    await proxy.set('pass')
    await expect.poll(ids, { timeout: 20_000 }).toEqual([1, 2, 3])
  })
})
