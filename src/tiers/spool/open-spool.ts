import type { Batch } from '../database/database.ts'
import { DiskSpool } from './disk-spool.ts'
import { recover } from './recover.ts'
import { RowLog } from './row-log.ts'
import { InstrumentNumbers } from './segment-names.ts'
import type { Spool, SpoolOptions } from './spool.ts'
import { DISK, diskError, type SpoolFiles } from './spool-files.ts'
import { TickLog } from './tick-log.ts'

const SEGMENT_BYTES = 64 * 2 ** 20
/** Ticks leave a segment at a time: a small part of what may wait. */
const SEGMENTS = 16
const WORN_BYTES = 2 ** 20

/**
 * Opens the spool of a directory, making it when needed: reads all that waits there, which takes about a second a
 * gigabyte. One process at a time.
 * @throws GatewayError config_invalid when a newer version wrote it; tier_unavailable when the disk fails.
 */
export async function openSpool(options: SpoolOptions, disk: SpoolFiles = DISK): Promise<Spool> {
  const { directory, maxBytes, log } = options
  try {
    await disk.mkdir(directory, { recursive: true })
    const found = await recover(directory, disk, log)
    const numbers = new InstrumentNumbers()
    for (const { names } of found.segments) {
      for (const instrument of names) if (instrument !== undefined) numbers.numberOf(instrument)
    }
    const shared = { directory, numbers, disk, log }
    const segmentBytes = Math.min(SEGMENT_BYTES, maxBytes / SEGMENTS)
    const ticks = new TickLog({ ...shared, segmentBytes }, found.index, found.segments, found.nextTicks)
    // States that are over must not take the place of ticks where there is little.
    const wornBytes = Math.min(WORN_BYTES, maxBytes / SEGMENTS)
    const rows = new RowLog({ ...shared, wornBytes }, found.table, found.rowFiles, found.nextRows)
    const spool = new DiskSpool(options, numbers, ticks, rows)
    const damaged: Batch = { ticks: [], candles: [], gaps: found.lost }
    await spool.append(damaged)
    return spool
  } catch (error) {
    throw diskError(error)
  }
}
