import { randomBytes } from 'node:crypto'
import type { TestProject } from 'vitest/node'
import type { LaunchedServer } from './launch.ts'
import { postgresqlBinaries, runningPostgresql, startPostgresql } from './postgresql.ts'
import { deleteKeys, redisBinary, runningRedis, startRedis } from './redis.ts'
import type { Found, Servers } from './servers.ts'
import { dropDatabases, dropLeftovers, newDatabasePrefix } from './test-databases.ts'

const HOW_TO_GET = {
  PostgreSQL: 'set DATABASE_URL, or start one at 127.0.0.1:5432, or install it (Debian: apt-get install postgresql)',
  Redis: 'set REDIS_URL, or start one at 127.0.0.1:6379, or install it (Debian: apt-get install redis-server)',
} as const

/**
 * Finds the real servers the tests run against, or starts them from programs on this machine and stops them again.
 * What cannot be found is said at the end of the run; with CI=true it fails the run.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { env } = process
  const started: LaunchedServer[] = []
  const start = async (server: Promise<LaunchedServer>) => {
    started.push(await server)
    return (await server).url
  }
  const postgresqlDirectory = postgresqlBinaries(env)
  const redisFile = redisBinary(env)
  const servers: Servers = {
    postgresql: found(
      'PostgreSQL',
      (await runningPostgresql(env)) ?? (postgresqlDirectory && (await start(startPostgresql(postgresqlDirectory)))),
    ),
    redis: found('Redis', (await runningRedis(env)) ?? (redisFile && (await start(startRedis(redisFile))))),
    databasePrefix: newDatabasePrefix(),
    keyPrefix: `tickgate-test:${process.pid}:${randomBytes(4).toString('hex')}:`,
  }
  const missing = [servers.postgresql, servers.redis].flatMap((server) => ('missing' in server ? [server.missing] : []))
  if (missing.length > 0 && env.CI === 'true') {
    await Promise.all(started.map((server) => server.stop()))
    throw new Error(`with CI=true nothing may stay untested: ${missing.join('; ')}`)
  }
  if ('url' in servers.postgresql) await dropLeftovers(servers.postgresql.url)
  project.provide('servers', servers)

  return async () => {
    if ('url' in servers.postgresql) await dropDatabases(servers.postgresql.url, servers.databasePrefix)
    if ('url' in servers.redis) await deleteKeys(servers.redis.url, servers.keyPrefix)
    await Promise.all(started.map((server) => server.stop()))
    if (missing.length > 0) process.stderr.write(warning(missing))
  }
}

function found(name: keyof typeof HOW_TO_GET, url: string | undefined): Found {
  return url ? { url } : { missing: `there is no ${name} (${HOW_TO_GET[name]})` }
}

function warning(missing: readonly string[]): string {
  const line = '!'.repeat(100)
  const sentences = missing.map((sentence) => `!! NOT TESTED: ${sentence}`)
  return ['', line, ...sentences, line, ''].join('\n')
}
