import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { describeWithProgram } from '../servers/describe.ts'
import type { LaunchedServer } from '../servers/launch.ts'
import { postgresqlBinaries, startPostgresql } from '../servers/postgresql.ts'
import { newDatabasePrefix } from '../servers/test-databases.ts'
import { type OutageFigures, runOutageLoad } from './outage-load.ts'
import { Store } from './store.ts'

/** `npm run test:outage` sets a minute. */
const SECONDS = Number(process.env.OUTAGE_SECONDS ?? 10)
const RATE = 10_000
/** Of resident memory: what the collector has not come to, with what the spool knows of its files. */
const MOST_GROWTH = 128 * 2 ** 20

const binaries = postgresqlBinaries(process.env)

describeWithProgram(`PostgreSQL down for ${SECONDS} s at ${RATE} ticks a second`, binaries, () => {
  let postgresql: LaunchedServer
  let store: Store
  beforeAll(async () => {
    postgresql = await startPostgresql(binaries!)
    store = await Store.create(postgresql.url, newDatabasePrefix(), { durable: true })
  })
  afterAll(async () => {
    await store.drop()
    await postgresql.stop()
  })
  beforeEach(() => store.clear())

  const timeout = 420_000 + 3 * SECONDS * 1_000

  it('costs no tick and no candle, and memory stays bounded', { timeout }, async () => {
    const figures = await runOutageLoad({ postgresql, store, rate: RATE, seconds: SECONDS, kill: false })
    report(figures)
    expect(figures.failures).toEqual([])
    expect(figures.trades).toBeGreaterThan(0.8 * RATE * SECONDS)
    expect(figures.rssMost - figures.rssBefore).toBeLessThan(MOST_GROWTH)
  })

  it('costs none either when the gateway is killed meanwhile, and starts without it', { timeout }, async () => {
    const figures = await runOutageLoad({ postgresql, store, rate: RATE, seconds: SECONDS, kill: true })
    report(figures)
    expect(figures.failures).toEqual([])
    expect(figures.trades).toBeGreaterThan(0.8 * RATE * SECONDS)
  })
})

/** For whoever runs it by hand. */
function report(figures: OutageFigures): void {
  if (process.env.OUTAGE_SECONDS !== undefined) process.stdout.write(`${JSON.stringify(figures)}\n`)
}
