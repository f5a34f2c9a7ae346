import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Gap } from '../../../src/tiers/database/database.ts'
import { openSpool } from '../../../src/tiers/spool/open-spool.ts'
import type { Spool, SpoolOptions } from '../../../src/tiers/spool/spool.ts'
import type { SpoolFiles } from '../../../src/tiers/spool/spool-files.ts'
import { createLogRecorder } from '../../fakes/log-recorder.ts'

/** A directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'spool-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export interface TemporarySpool {
  readonly spool: Spool
  readonly directory: string
  readonly log: ReturnType<typeof createLogRecorder>
  readonly dropped: Gap[]
}

/** A spool that is closed after the test, with what it said. */
export async function openTemporary(options: Partial<SpoolOptions> = {}, disk?: SpoolFiles): Promise<TemporarySpool> {
  const directory = options.directory ?? temporaryDirectory()
  const log = createLogRecorder()
  const dropped: Gap[] = []
  const onDropped = (gap: Gap) => dropped.push(gap)
  const spool = await openSpool({ maxBytes: 2 ** 30, onDropped, log, ...options, directory }, disk)
  onTestFinished(() => spool.close())
  return { spool, directory, log, dropped }
}
