import { GatewayError } from '../base/errors.ts'
import type { TaskEvent } from '../base/task-event.ts'
import type { Config } from '../config.ts'
import type { Feed } from '../feed.ts'
import type { Instrument } from '../market/instrument.ts'
import type { Database } from '../tiers/database/database.ts'
import { isNewDatabase } from '../tiers/database/open-database.ts'
import type { TaskRequest } from '../wire/tasks.ts'
import { openStored } from './open-stored.ts'
import { runTask } from './run-task.ts'

/**
 * Runs a task where no gateway runs, on the database itself.
 * @throws GatewayError unknown_symbol, data_dir_locked, config_invalid, tier_unavailable, feed_broken
 */
export async function* runAlone(
  request: TaskRequest,
  config: Config,
  feeds: readonly Feed[],
  signal: AbortSignal,
): AsyncGenerator<TaskEvent> {
  const { databaseUrl, dataDir, tickRetentionDays, latenessMs } = config
  if (request.task === 'verify' && isNewDatabase({ databaseUrl, dataDir })) {
    throw new GatewayError(
      'bad_parameter',
      `DATA_DIR must hold a database, was ${dataDir}, where nothing is stored yet`,
    )
  }
  const { database, close } = await openStored(config, signal)
  try {
    const { instrument, feed } = await find(request, database, feeds, signal)
    await database.register([instrument])
    const ports = { instrument, feed, database, latenessMs, tickRetentionDays, now: Date.now }
    yield* runTask(request, ports, signal)
  } finally {
    await close()
  }
}

interface Found {
  readonly instrument: Instrument
  readonly feed: Feed | undefined
}

/** What the configuration means by the symbol; else what is stored under it. The source is asked only for a new one. */
async function find(
  { task, symbol }: TaskRequest,
  database: Database,
  feeds: readonly Feed[],
  signal: AbortSignal,
): Promise<Found> {
  const stored = await database.instruments()
  for (const feed of feeds) {
    const mapping = feed.symbols.find((each) => each.symbol === symbol)
    if (mapping === undefined) continue
    const known = stored.find(
      ({ source, sourceSymbol }) => source === feed.name && sourceSymbol === mapping.sourceSymbol,
    )
    if (known !== undefined) return { instrument: { ...known, symbol }, feed }
    if (task === 'backfill') return { instrument: await resolve(symbol, feed, signal), feed }
  }
  const instrument = stored.findLast((each) => each.symbol === symbol)
  if (instrument !== undefined && task === 'verify') return { instrument, feed: undefined }
  const known = [...new Set(stored.map((each) => each.symbol))].join(', ')
  const rule = task === 'verify' ? `must be stored here (${known || 'nothing is'})` : 'must be configured'
  throw new GatewayError('unknown_symbol', `the symbol ${rule}, was ${symbol}`)
}

async function resolve(symbol: string, feed: Feed, signal: AbortSignal): Promise<Instrument> {
  const { instruments, refused } = await feed.resolve(signal)
  const instrument = instruments.find((each) => each.symbol === symbol)
  if (instrument !== undefined) return instrument
  const reason = refused.find((each) => each.symbol === symbol)?.reason ?? 'it does not know it'
  throw new GatewayError('unknown_symbol', `${feed.name} must have ${symbol}, was: ${reason}`)
}
