import { fileURLToPath } from 'node:url'
import { FEEDS } from '../feeds/index.ts'
import { describeError, isGatewayError } from './base/errors.ts'
import { createLog, type Log } from './base/log.ts'
import { type Config, loadConfig, variablesForLater } from './config.ts'
import { type Demo, type DemoOptions, startDemo } from './demo.ts'
import { type Gateway, startGateway } from './gateway.ts'
import { untilStopped } from './stop-signal.ts'
import { migrateDatabase } from './tiers/open-database.ts'

type Env = Readonly<Record<string, string | undefined>>

const DASHBOARD = fileURLToPath(new URL('../dashboard/', import.meta.url))

/** Runs the gateway until a signal ends it. Returns the exit code. */
export function serve(env: Env): Promise<number> {
  return reporting(async () => {
    const config = loadConfig(env)
    const log = createLog(config.logLevel)
    const unused = variablesForLater(env)
    if (unused.length > 0) log.warn({ variables: unused }, 'set, but not acted on by this version')
    const stopped = untilStopped()
    const gateway = await start(config, log)
    log.info({ url: gateway.url }, 'listening')
    log.info({ signal: await stopped }, 'stopping')
    await gateway.close()
  })
}

/** Runs the gateway against local simulators, with the embedded database. Returns the exit code. */
export function demo(options: DemoOptions, env: Env): Promise<number> {
  return reporting(async () => {
    const stopped = untilStopped()
    const running: Demo = await startDemo(options, env, (config) => start(config, createLog(config.logLevel)))
    await stopped
    await running.close()
  })
}

/** Brings the database's tables up to date. Returns the exit code. */
export function migrate(env: Env): Promise<number> {
  return reporting(async () => {
    const { databaseUrl, dataDir } = loadConfig(env)
    const applied = await migrateDatabase({ databaseUrl, dataDir })
    process.stdout.write(applied.length === 0 ? 'up to date\n' : `${applied.join('\n')}\n`)
  })
}

function start(config: Config, log: Log): Promise<Gateway> {
  const feeds = FEEDS.map(({ create }) => create(config)).filter(({ symbols }) => symbols.length > 0)
  return startGateway({ config, feeds, dashboardDirectory: DASHBOARD, log })
}

/** What cannot start says why in plain words, without a stack, and exits with 1. */
async function reporting(run: () => Promise<void>): Promise<number> {
  try {
    await run()
    return 0
  } catch (error) {
    const known = isGatewayError(error)
    process.stderr.write(
      `tickgate: ${known ? describeError(error) : String(error instanceof Error ? error.stack : error)}\n`,
    )
    return 1
  }
}
