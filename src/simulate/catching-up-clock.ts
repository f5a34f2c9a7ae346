import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { describeError, GatewayError } from '../base/errors.ts'

const FILE = 'release-clock.json'

const STORED = z.object({ version: z.literal(1), reservedUntil: z.number() })

export interface CatchingUpOptions {
  /** Where the time is kept over restarts. */
  readonly directory: string
  /** Where it begins when nothing is kept, Unix ms. */
  readonly from: number
  /** How much faster than wall time it runs until it has caught up. */
  readonly speed: number
  /** Wall time, Unix ms. */
  readonly now?: () => number
}

/** Moments are shown only after they were reserved, this far ahead of the clock's own time. */
const RESERVE_MS = 30 * 24 * 60 * 60_000

/**
 * Creates a clock that runs fast through the past until it has caught up with wall time, and with it from there on. It
 * never goes back, also after a crash: another start goes on at what was reserved.
 * @throws GatewayError `config_invalid` when its file is not one, or cannot be written
 */
export function createCatchingUpClock({ directory, from, speed, now = Date.now }: CatchingUpOptions): () => number {
  const file = join(directory, FILE)
  const begun = now()
  const start = Math.min(readReserved(file) ?? from, begun)
  mkdirSync(directory, { recursive: true })
  let reserved = Number.NEGATIVE_INFINITY
  let latest = start
  return () => {
    const wall = now()
    latest = Math.max(latest, Math.min(wall, Math.floor(start + (wall - begun) * speed)))
    if (latest > reserved) {
      // Where it runs with wall time, there is nothing to skip: another start goes on at its own wall time.
      reserved = latest + RESERVE_MS
      writeReserved(file, reserved)
    }
    return latest
  }
}

function readReserved(file: string): number | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new GatewayError('config_invalid', `${file} must be readable, was ${describeError(error)}`, { cause: error })
  }
  try {
    return STORED.parse(JSON.parse(text)).reservedUntil
  } catch (error) {
    const rule = `${file} must be a simulator's clock (start fresh to replace it)`
    throw new GatewayError('config_invalid', rule, { cause: error })
  }
}

/** By rename, so that a crash leaves the old file or the new one. */
function writeReserved(file: string, reservedUntil: number): void {
  const draft = `${file}.${process.pid}.tmp`
  try {
    writeFileSync(draft, JSON.stringify({ version: 1, reservedUntil }))
    renameSync(draft, file)
  } catch (error) {
    throw new GatewayError('config_invalid', `${file} must be writable, was ${describeError(error)}`, { cause: error })
  }
}
