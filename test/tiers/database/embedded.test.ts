import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEmbeddedSource } from '../../../src/tiers/database/embedded.ts'
import { migrateDatabase, openDatabase } from '../../../src/tiers/database/open-database.ts'
import { BTC } from '../fixtures.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tickgate-embedded-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

/** A thread without a database: it answers transactions and 'ok', dies of 'exit' and of 'throw', and is deaf to all after 'hang'. */
const THREAD = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads'
    let deaf = false
    parentPort.on('message', (message) => {
      if (message === 'close' && !deaf) process.exit(0)
      const { id, sql, statements } = message
      if (statements) parentPort.postMessage({ id, answer: { rows: [], affected: 0 } })
      if (sql === 'hang') deaf = true
      if (sql === 'exit') process.exit(3)
      if (sql === 'throw') throw new Error('out of memory')
      if (sql === 'ok') parentPort.postMessage({ id, answer: { rows: [], affected: 1 } })
    })
    parentPort.postMessage({ ready: true })`)}`,
)

describe('the thread of the embedded database', () => {
  it.each([
    ['exit', 'exit code 3'],
    ['throw', 'out of memory'],
  ])('rejects what is in flight when it dies by %s, reports it, and is started again', async (death, words) => {
    const reports: string[] = []
    const report = ({ message }: Error) => void reports.push(message)
    const source = createEmbeddedSource({ directory: join(root, 'pglite'), report, thread: THREAD })
    const connection = await source.acquire()
    const hanging = connection.query('hang')
    await expect(connection.query(death)).rejects.toThrow(words)
    await expect(hanging).rejects.toThrow(words)
    await expect(connection.query('ok')).rejects.toThrow(words)
    source.release(connection)
    expect(reports).toEqual([expect.stringContaining(words)])
    const next = await source.acquire()
    expect(await next.query('ok')).toEqual({ rows: [], affected: 1 })
    await source.close()
  })

  it('is given a whole transaction in one message', async () => {
    const source = createEmbeddedSource({ directory: root, report: () => undefined, thread: THREAD })
    const connection = await source.acquire()
    // The thread knows neither of them as a statement of its own, and would not answer.
    await connection.transaction([{ sql: 'first' }, { sql: 'second' }], 'commit')
    source.release(connection)
    await source.close()
  })

  it('is ended by close although it does not answer, and rejects what it owed', async () => {
    const source = createEmbeddedSource({ directory: root, report: () => undefined, thread: THREAD })
    const hanging = (await source.acquire()).query('hang')
    const rejected = expect(hanging).rejects.toThrow('closed')
    const started = performance.now()
    await source.close()
    expect(performance.now() - started).toBeLessThan(2_000)
    await rejected
  })

  it('lets one user on the connection at a time, in the order of asking', async () => {
    const source = createEmbeddedSource({ directory: root, report: () => undefined, thread: THREAD })
    const first = await source.acquire()
    const order: string[] = []
    const second = source.acquire().then((connection) => {
      order.push('second')
      source.release(connection)
    })
    const third = source.acquire().then((connection) => {
      order.push('third')
      source.release(connection)
    })
    await first.query('ok')
    expect(order).toEqual([])
    source.release(first)
    await Promise.all([second, third])
    expect(order).toEqual(['second', 'third'])
    await source.close()
  })
})

describe('the embedded database', () => {
  it('begins anew after a first start that was cut off', { timeout: 60_000 }, async () => {
    const dataDir = join(root, 'data')
    await mkdir(join(dataDir, 'pglite'), { recursive: true })
    await writeFile(join(dataDir, 'pglite', 'PG_VERSION'), '18\n')
    await writeFile(join(dataDir, 'pglite.unfinished'), '')
    expect(await migrateDatabase({ dataDir })).toEqual(['0001-market', '0002-candle-coverage', '0003-observations'])
    expect(existsSync(join(dataDir, 'pglite.unfinished'))).toBe(false)
    expect(await migrateDatabase({ dataDir })).toEqual([])
  })

  it('gives up at once when it is told to while it opens', async () => {
    const stop = new AbortController()
    const opening = openDatabase({ dataDir: root, signal: stop.signal })
    const started = performance.now()
    setImmediate(() => stop.abort(new Error('stopped by the user')))
    await expect(opening).rejects.toThrow('stopped by the user')
    expect(performance.now() - started).toBeLessThan(1_000)
  })

  it('has every acknowledged tick after kill -9', { timeout: 60_000 }, async () => {
    const script = fileURLToPath(new URL('acknowledging-writer.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', script, root], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    let acknowledged = 0
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line)
      if (acknowledged >= 10_000) child.kill('SIGKILL')
    }
    await exited
    const database = await openDatabase({ dataDir: root })
    await database.register([BTC])
    let last = 0
    for (let page = await database.ticksAfter(BTC, 0, 5_000); page.length > 0; ) {
      expect(page.every(({ id, prev }, index) => id === last + index + 1 && (prev ?? 0) === id - 1)).toBe(true)
      last += page.length
      page = await database.ticksAfter(BTC, last, 5_000)
    }
    await database.close()
    expect(acknowledged).toBeGreaterThanOrEqual(10_000)
    expect(last).toBeGreaterThanOrEqual(acknowledged)
  })
})
