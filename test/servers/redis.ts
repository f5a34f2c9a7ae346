import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { Redis } from 'ioredis'
import { type LaunchedServer, launch } from './launch.ts'

const STANDARD_URL = 'redis://127.0.0.1:6379'

/** The Redis that is running: REDIS_URL, which must then answer, else the standard port of this machine. */
export async function runningRedis(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (env.REDIS_URL) {
    await probeRedis(env.REDIS_URL, 5_000)
    return env.REDIS_URL
  }
  return probeRedis(STANDARD_URL, 200).then(
    () => STANDARD_URL,
    () => undefined,
  )
}

/** The program of a Redis or a Valkey in PATH. */
export function redisBinary(env: NodeJS.ProcessEnv): string | undefined {
  const directories = (env.PATH ?? '').split(delimiter)
  return ['redis-server', 'valkey-server']
    .flatMap((program) => directories.map((directory) => join(directory, program)))
    .find((file) => existsSync(file))
}

/** Starts a Redis that keeps nothing on disk, unless it is told otherwise. */
export function startRedis(binary: string, more: readonly string[] = []): Promise<LaunchedServer> {
  return launch({
    name: 'redis',
    server: (directory, port) => ({
      file: binary,
      args: [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--save',
        '',
        '--appendonly',
        'no',
        '--dir',
        directory,
      ].concat(more),
    }),
    url: (port) => `redis://127.0.0.1:${port}`,
    probe: (url) => probeRedis(url, 1_000),
    stopSignal: 'SIGTERM',
  })
}

/** Deletes the keys that begin with `prefix`, and no others. */
export async function deleteKeys(url: string, prefix: string): Promise<void> {
  await withRedis(url, 5_000, async (redis) => {
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 })) {
      if (keys.length > 0) await redis.unlink(keys)
    }
  })
}

async function probeRedis(url: string, timeoutMs: number): Promise<void> {
  await withRedis(url, timeoutMs, (redis) => redis.ping())
}

async function withRedis(url: string, timeoutMs: number, work: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    retryStrategy: () => null,
  })
  // The same errors reject the calls below; without a listener they would also be printed.
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    await work(redis)
  } finally {
    redis.disconnect()
  }
}
