import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'

/** Until when the exchange answers this address nothing (Unix ms), kept over restarts: asking earlier makes it longer. */
export interface BanMemory {
  /** 0 when there is none. */
  until(): number
  /** It holds in this process in any case. @throws when it cannot be kept for the next */
  remember(until: number): void
}

/** "From 2 minutes to 3 days": an end that is farther off is a mistake, of the file or of the one who told it. */
const LONGEST_BAN_MS = 3 * 24 * 3_600_000

const BAN_FILE = 'binance-ban.json'

const Ban = z.object({ v: z.literal(1), until: z.int().nonnegative() })

/**
 * @param directory where it is kept; without one, in this process only
 * @param now Unix ms
 */
export function createBanMemory(directory: string | undefined, now: () => number): BanMemory {
  const file = directory === undefined ? undefined : join(directory, BAN_FILE)
  const kept = file === undefined ? 0 : readBan(file)
  let until = kept > 0 && kept > now() + LONGEST_BAN_MS ? 0 : kept
  return {
    until: () => until,
    remember(time) {
      until = Math.max(until, Math.min(Math.ceil(time), now() + LONGEST_BAN_MS))
      if (file === undefined) return
      // By rename, so that a crash leaves the old file or the new one.
      const draft = `${file}.tmp`
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(draft, JSON.stringify({ v: 1, until } satisfies z.infer<typeof Ban>))
      renameSync(draft, file)
    },
  }
}

function readBan(file: string): number {
  try {
    const ban = Ban.safeParse(JSON.parse(readFileSync(file, 'utf8')))
    return ban.success ? ban.data.until : 0
  } catch {
    // No file is the usual case, and a garbled one must not keep the gateway from starting: the exchange says it again.
    return 0
  }
}
