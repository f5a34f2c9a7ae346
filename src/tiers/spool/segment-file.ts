import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describeError } from '../../base/errors.ts'
import { type SpoolFiles, type SpoolLog, syncDirectory } from './spool-files.ts'

export const MAGIC = 'tickgate'
export const SCHEMA_VERSION = 1
/** The magic and a u32 with the schema version. */
export const HEADER_BYTES = 12

/** A file of frames that grows at its end. What is before `end` is whole; what a failed write left behind is cut off. */
export class SegmentFile {
  /** A renamed file's is set anew. */
  path: string
  readonly #disk: SpoolFiles
  readonly #log: SpoolLog
  readonly #handle: FileHandle
  #end: number
  #readers = 0
  #isRemoved = false
  #closed: Promise<void> | undefined

  constructor(path: string, handle: FileHandle, end: number, disk: SpoolFiles, log: SpoolLog) {
    this.path = path
    this.#handle = handle
    this.#end = end
    this.#disk = disk
    this.#log = log
  }

  /** Makes the file, with its header and first frames. It is durable with the first append. */
  static async create(path: string, first: Buffer, disk: SpoolFiles, log: SpoolLog): Promise<SegmentFile> {
    const handle = await disk.open(path, 'wx+')
    const header = Buffer.alloc(HEADER_BYTES)
    header.write(MAGIC, 'latin1')
    header.writeUInt32LE(SCHEMA_VERSION, MAGIC.length)
    const file = new SegmentFile(path, handle, 0, disk, log)
    try {
      await file.append(Buffer.concat([header, first]), false)
      await syncDirectory(disk, dirname(path))
      return file
    } catch (error) {
      await file.remove()
      throw error
    }
  }

  get end(): number {
    return this.#end
  }

  /** Writes at the end; the file is longer when this resolves. After a failure it MUST be abandoned. */
  async append(bytes: Buffer, isSynced: boolean): Promise<void> {
    let written = 0
    while (written < bytes.length) {
      const left = bytes.length - written
      written += (await this.#handle.write(bytes, written, left, this.#end + written)).bytesWritten
    }
    if (isSynced) await this.#handle.datasync()
    this.#end += bytes.length
  }

  /**
   * Cuts off everything from `end` on. Nothing is appended afterwards: what a disk holds of a page after a failed sync is
   * not known. A cut that fails leaves bytes that the next start finds torn, or frames that were never acknowledged.
   */
  async abandon(end = this.#end): Promise<void> {
    this.#end = end
    try {
      await this.#handle.truncate(end)
    } catch (error) {
      this.#log.warn({ file: this.path, reason: describeError(error) }, 'spool: a failed write could not be cut off')
    }
  }

  /** The bytes from `from` to `to`; fewer where the file ends before. */
  async read(from: number, to: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(to - from)
    let filled = 0
    while (filled < bytes.length) {
      const { bytesRead } = await this.#handle.read(bytes, filled, bytes.length - filled, from + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return bytes.subarray(0, filled)
  }

  /** Keeps the bytes readable, also when the file is removed meanwhile, until the returned function is called. */
  hold(): () => void {
    this.#readers += 1
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#readers -= 1
      if (this.#isRemoved && this.#readers === 0) void this.close()
    }
  }

  /** Takes the file off the disk, now; its bytes stay for those who hold them. Never throws. */
  async remove(): Promise<void> {
    this.#isRemoved = true
    try {
      await this.#disk.rm(this.path, { force: true })
    } catch (error) {
      this.#log.warn({ file: this.path, reason: describeError(error) }, 'spool: a file could not be removed')
    }
    if (this.#readers === 0) await this.close()
  }

  /** Never throws; safe to call twice. */
  close(): Promise<void> {
    this.#closed ??= this.#handle.close().catch((error) => {
      this.#log.warn({ file: this.path, reason: describeError(error) }, 'spool: a file could not be closed')
    })
    return this.#closed
  }
}
