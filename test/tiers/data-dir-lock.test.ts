import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { holderOf, lockDataDir } from '../../src/tiers/data-dir-lock.ts'

describe('the lock of the data directory', () => {
  let root: string
  let directory: string
  let file: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'tickgate-lock-'))
    directory = join(root, 'a', 'b c')
    file = join(directory, 'tickgate.lock')
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  /** Leaves the lock that a process would have left. */
  const leave = async (text: string) => {
    await (await lockDataDir(directory)).release()
    await writeFile(file, text)
  }

  it('makes the directory, names its holder to the next one, and is free after its release', async () => {
    const lock = await lockDataDir(directory)
    const refusal = await lockDataDir(directory).catch((error) => error)
    expect(refusal).toMatchObject({ code: 'data_dir_locked' })
    expect(refusal.message).toContain(directory)
    expect(refusal.message).toContain(`process ${process.pid} `)
    await lock.release()
    await lock.release()
    expect(existsSync(file)).toBe(false)
    await (await lockDataDir(directory)).release()
  })

  it('is taken over from a process that is gone', async () => {
    const child = spawn(process.execPath, ['-e', ''])
    await once(child, 'exit')
    await leave(JSON.stringify({ pid: child.pid, startTime: '1' }))
    const lock = await lockDataDir(directory)
    expect(JSON.parse(await readFile(file, 'utf8')).pid).toBe(process.pid)
    await lock.release()
  })

  it('is taken over from a process whose number another one has now', async () => {
    await leave(JSON.stringify({ pid: process.pid, startTime: '1' }))
    await (await lockDataDir(directory)).release()
  })

  it('names nobody when its process is gone, and where it is found while it runs', async () => {
    expect(await holderOf(directory)).toBeUndefined()
    await leave(JSON.stringify({ pid: process.pid, startTime: '1', url: 'http://127.0.0.1:8080' }))
    expect(await holderOf(directory)).toBeUndefined()
    const lock = await lockDataDir(directory, 'http://127.0.0.1:8080')
    expect(await holderOf(directory)).toMatchObject({ pid: process.pid, url: 'http://127.0.0.1:8080' })
    await lock.release()
  })

  it('is held by a process that runs, also where start times are not known', async () => {
    await leave(JSON.stringify({ pid: process.pid, startTime: null }))
    await expect(lockDataDir(directory)).rejects.toMatchObject({ code: 'data_dir_locked' })
  })

  it('waits for the words of one who is just starting, and not for those of the dead', async () => {
    await leave('')
    await expect(lockDataDir(directory)).rejects.toThrow('another process is starting there')
    await utimes(file, 0, 0)
    await (await lockDataDir(directory)).release()
  })

  it('is got by one of many who start at once, over a stale lock too', async () => {
    for (const stale of [undefined, JSON.stringify({ pid: process.pid, startTime: '1' })]) {
      if (stale) await leave(stale)
      const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockDataDir(directory)))
      const got = tries.filter((each) => each.status === 'fulfilled')
      expect(got).toHaveLength(1)
      await got[0]?.value.release()
    }
  })

  it('says what must be when the directory cannot be made', async () => {
    await writeFile(join(root, 'a'), 'a file')
    await expect(lockDataDir(directory)).rejects.toMatchObject({ code: 'config_invalid' })
  })

  it('does not remove the lock of another', async () => {
    const lock = await lockDataDir(directory)
    const other = JSON.stringify({ pid: 1, startTime: '1' })
    await writeFile(file, other)
    await lock.release()
    expect(await readFile(file, 'utf8')).toBe(other)
  })
})
