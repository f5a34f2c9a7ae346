import { appendFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { streamName } from '../../market/instrument.ts'
import type { RefusedRow } from './sql-database.ts'

export interface DeadLettersOptions {
  /** DATA_DIR: the file is `dead-letters.ndjson` in it; one that is full becomes `dead-letters.1.ndjson`. */
  readonly directory: string
  /** Of one file: two of them are the most that is kept. */
  readonly maxBytes?: number
  readonly log: Pick<Log, 'error'>
  readonly now: () => number
}

/** Rows that the database would not take, each with the reason, in a file for whoever looks into it. */
export interface DeadLetters {
  /** Rows that were refused since the start. */
  readonly count: number
  /** Never waits, never fails. */
  add(row: RefusedRow, reason: string): void
  /** Resolves when all is on disk that can be. */
  close(): Promise<void>
}

const MAX_BYTES = 16 * 2 ** 20
/** Lines that wait for the disk: past it rows are only counted. */
const MOST_WAITING = 10_000

export function openDeadLetters({ directory, maxBytes = MAX_BYTES, log, now }: DeadLettersOptions): DeadLetters {
  const path = join(directory, 'dead-letters.ndjson')
  let waiting: string[] = []
  let writing: Promise<void> | undefined
  let count = 0

  const writeAll = async () => {
    while (waiting.length > 0) {
      const lines = waiting
      waiting = []
      try {
        if ((await sizeOf(path)) >= maxBytes) await rename(path, join(directory, 'dead-letters.1.ndjson'))
        await appendFile(path, lines.join(''))
      } catch (error) {
        log.error({ rows: lines.length, reason: describeError(error) }, 'refused rows could not be written down')
      }
    }
    writing = undefined
  }

  return {
    get count() {
      return count
    },
    add(row, reason) {
      count += 1
      log.error({ stream: streamName(row.instrument), reason }, 'row refused')
      if (waiting.length >= MOST_WAITING) return
      waiting.push(toLine(row, reason, now()))
      writing ??= writeAll()
    },
    async close() {
      await writing
    },
  }
}

function toLine(refused: RefusedRow, reason: string, time: number): string {
  const { instrument, instrumentId: _, ...row } = refused
  const letter = { time: new Date(time).toISOString(), stream: streamName(instrument), reason, ...row }
  return `${JSON.stringify(letter, tellNumbers)}\n`
}

/** JSON has no word for these numbers, and often they are the reason. */
function tellNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    // There is none yet.
    () => 0,
  )
}
