import { fileURLToPath } from 'node:url'
import { createFeeds } from '../feeds/index.ts'
import { GatewayError, isGatewayError } from './base/errors.ts'
import { createLog, type Log } from './base/log.ts'
import type { TaskEvent } from './base/task-event.ts'
import { VERSION } from './base/version.ts'
import { type Config, loadConfig, variablesForLater } from './config.ts'
import { type DemoOptions, startDemo } from './demo.ts'
import { type Gateway, type ServingGateway, startGateway } from './gateway.ts'
import { aborted, stopSignal } from './stop-signal.ts'
import { startTask as startTaskWith } from './tasks/start-task.ts'
import { lockDataDir } from './tiers/data-dir-lock.ts'
import { migrateDatabase } from './tiers/database/open-database.ts'
import type { TaskRequest } from './wire/tasks.ts'

type Env = Readonly<Record<string, string | undefined>>

const DASHBOARD = fileURLToPath(new URL('../dashboard/', import.meta.url))

/** Runs the gateway until a signal ends it. Returns the exit code. */
export function serve(env: Env): Promise<number> {
  const stop = stopSignal()
  return reporting(async () => {
    const config = loadConfig(env)
    const log = createLog(config.logLevel)
    const unused = variablesForLater(env)
    if (unused.length > 0) log.warn({ variables: unused }, 'set, but not acted on by this version')
    const gateway = await start(config, env, log, stop, ({ url, memory, ready }) => {
      const symbols = config.cryptoSymbols.map(({ symbol }) => symbol)
      log.info({ url, version: VERSION, symbols }, 'listening')
      if (symbols.length === 0) log.warn({ variable: 'CRYPTO_SYMBOLS' }, 'no symbol is configured')
      void ready.then(() => log.info({ symbols: memory.symbols(), awaited: memory.awaited() }, 'ready'))
    })
    await aborted(stop)
    log.info({ signal: stop.reason }, 'stopping')
    await gateway.close()
  }, stop)
}

/** Runs the gateway against local simulators, with the embedded database. Returns the exit code. */
export function demo(options: DemoOptions, env: Env): Promise<number> {
  const stop = stopSignal()
  return reporting(async () => {
    // No feed of its own variables: the demo asks nobody but its simulators.
    const running = await startDemo(options, env, (config, onServing) =>
      start(config, {}, createLog(config.logLevel), stop, onServing),
    )
    await aborted(stop)
    await running.close()
  }, stop)
}

/** Brings the database's tables up to date. Returns the exit code. */
export function migrate(env: Env): Promise<number> {
  return reporting(async () => {
    const { databaseUrl, dataDir } = loadConfig(env)
    // The embedded database is one process: a gateway that runs on it brings its tables up to date itself.
    const lock = databaseUrl === undefined ? await lockDataDir(dataDir) : undefined
    try {
      const applied = await migrateDatabase({ databaseUrl, dataDir })
      process.stdout.write(applied.length === 0 ? 'up to date\n' : `applied ${applied.join(', ')}\n`)
    } finally {
      await lock?.release()
    }
  })
}

/**
 * Checks or loads what is stored, in the gateway at `url`, in the one that runs in DATA_DIR, or where there is none, here.
 * @throws GatewayError
 */
export function startTask(
  request: TaskRequest,
  url: string | undefined,
  env: Env,
  signal: AbortSignal,
): AsyncIterable<TaskEvent> {
  return startTaskWith(
    request,
    { url, config: () => loadConfig(env), feeds: (config) => createFeeds(config, env).feeds },
    signal,
  )
}

function start(
  config: Config,
  env: Env,
  log: Log,
  stop: AbortSignal,
  onServing: (gateway: ServingGateway) => void,
): Promise<Gateway> {
  if (config.apiKeys.length > 0 || config.apiKeysFile !== undefined) {
    // Whoever sets keys relies on them: serving everybody all the same would be the worst answer.
    throw new GatewayError(
      'config_invalid',
      'API_KEYS and API_KEYS_FILE must be unset: this version checks no keys yet',
    )
  }
  const { feeds, off } = createFeeds(config, env)
  return startGateway({ config, feeds, off, dashboardDirectory: DASHBOARD, log, stop, onServing })
}

/** What cannot start says why in plain words, without a stack, and exits with 1; what was stopped exits with 0. */
async function reporting(run: () => Promise<void>, stop?: AbortSignal): Promise<number> {
  try {
    await run()
    return 0
  } catch (error) {
    if (stop?.aborted && error === stop.reason) return 0
    const told = isGatewayError(error) ? error.message : describeUnknown(error)
    process.stderr.write(`tickgate: ${told}\n`)
    return 1
  }
}

function describeUnknown(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
