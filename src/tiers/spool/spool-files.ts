import * as files from 'node:fs/promises'
import { describeError, GatewayError } from '../../base/errors.ts'

/** The part of the file system that a spool uses: Node's own, save where a test puts a failing disk in its place. */
export type SpoolFiles = Pick<typeof files, 'open' | 'mkdir' | 'readdir' | 'rename' | 'rm'>

export const DISK: SpoolFiles = files

export interface SpoolLog {
  warn(fields: object, message: string): void
  info(fields: object, message: string): void
}

/** A full, read-only or broken disk: worth another try. */
export function diskError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  return new GatewayError('tier_unavailable', `the spool's disk must work, but: ${describeError(error)}`, {
    cause: error,
  })
}

/** Makes the names in `directory` durable: a new file's, or a renamed one's. */
export async function syncDirectory(disk: SpoolFiles, directory: string): Promise<void> {
  const handle = await disk.open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
