import { cpSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs'
import * as files from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { SpoolFiles } from '../../../src/tiers/spool/spool-files.ts'

export type DiskOperation = 'open' | 'write' | 'sync' | 'truncate' | 'rename' | 'rm'

/** What a failing disk says. */
export function diskFailure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: a fault of the test`), { code })
}

/**
 * A real disk on which a test does something before each operation: fails it, by throwing, or copies everything as a
 * crash would leave it. A write is told in two halves, so that it can be torn.
 */
export class TestDisk implements SpoolFiles {
  before: (operation: DiskOperation, path: string) => void = () => {}
  readonly mkdir = files.mkdir
  readonly readdir = files.readdir
  /** Bytes of each file, by name, that a power cut leaves. */
  readonly #synced = new Map<string, number>()
  /** Where a file is now that was opened under another name. */
  readonly #renamed = new Map<string, string>()
  /** Names that a power cut leaves; until a directory is synced, all of them. */
  #names: ReadonlySet<string> | undefined
  operations = 0

  readonly open = (async (path: string, flags: string) => {
    if (flags !== 'r') this.#told('open', path)
    const handle = await files.open(path, flags)
    if (flags === 'r') return { sync: () => this.#syncNames(handle, path), close: () => handle.close() }
    this.#synced.set(basename(path), (await handle.stat()).size)
    const sync = async () => {
      this.#told('sync', path)
      await handle.sync()
      const now = this.#renamed.get(path) ?? path
      this.#synced.set(basename(now), statSync(now, { throwIfNoEntry: false })?.size ?? 0)
    }
    const write = async (bytes: Buffer, at: number, length: number, position: number) => {
      this.#told('write', path)
      const half = length >> 1
      if (half > 0) await handle.write(bytes, at, half, position)
      if (half > 0) this.#told('write', path)
      await handle.write(bytes, at + half, length - half, position + half)
      return { bytesWritten: length }
    }
    const truncate = async (length: number) => {
      this.#told('truncate', path)
      await handle.truncate(length)
    }
    const rest = { read: handle.read.bind(handle), stat: () => handle.stat(), close: () => handle.close() }
    return { ...rest, write, truncate, sync, datasync: sync }
  }) as unknown as SpoolFiles['open']

  readonly rename = (async (from: string, to: string) => {
    this.#told('rename', from)
    await files.rename(from, to)
    this.#renamed.set(from, to)
    this.#synced.set(basename(to), this.#synced.get(basename(from)) ?? 0)
  }) as SpoolFiles['rename']

  readonly rm = (async (path: string, options?: { force?: boolean }) => {
    this.#told('rm', path)
    await files.rm(path, options)
  }) as SpoolFiles['rm']

  /** Copies a directory as it is left when the process is killed, or when the power is cut. */
  crash(directory: string, copy: string, isPowerCut: boolean): void {
    cpSync(directory, copy, { recursive: true })
    if (!isPowerCut) return
    for (const name of readdirSync(copy)) this.#forgetName(copy, name)
    for (const name of readdirSync(copy)) {
      const synced = this.#synced.get(name)
      if (synced !== undefined && readFileSync(join(copy, name)).length > synced) truncateSync(join(copy, name), synced)
    }
  }

  async #syncNames(handle: files.FileHandle, path: string): Promise<void> {
    await handle.sync()
    this.#names = new Set(readdirSync(path))
  }

  /** One that no sync has made durable: the file has the name before it, or none. */
  #forgetName(copy: string, name: string): void {
    if (this.#names === undefined || this.#names.has(name)) return
    const [from] = [...this.#renamed].find(([, to]) => basename(to) === name) ?? []
    if (from === undefined || !this.#names.has(basename(from))) {
      rmSync(join(copy, name))
      return
    }
    this.#synced.set(basename(from), this.#synced.get(name) ?? 0)
    renameSync(join(copy, name), join(copy, basename(from)))
  }

  #told(operation: DiskOperation, path: string): void {
    this.operations += 1
    this.before(operation, path)
  }
}
