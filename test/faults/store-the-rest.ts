import { createGate } from '../../src/base/gate.ts'
import { openDatabaseTier } from '../../src/tiers/database/database-tier.ts'
import type { Report } from './report.ts'

/** What the next start of a gateway would do: what waits on its disk is stored. */
export async function storeTheRest(databaseUrl: string, dataDir: string, report: Report): Promise<void> {
  const drained = createGate()
  const tier = await openDatabaseTier({
    ...{ databaseUrl, dataDir, tickRetentionDays: 7, stop: undefined, now: Date.now },
    ...{ log: report.log('the rest'), onDrained: drained.open },
  })
  try {
    const { stats } = tier.spool!
    const isWaiting = stats.ticks + stats.candles > 0
    if (isWaiting) report.say(`on disk, waiting: ${JSON.stringify(stats)}`)
    await tier.opened
    const late = setTimeout(drained.open, STORED_WITHIN_MS)
    if (isWaiting) await drained.opened
    clearTimeout(late)
  } finally {
    await tier.close()
  }
}

/** Past it, what is not stored shows as missing. */
const STORED_WITHIN_MS = 30_000
