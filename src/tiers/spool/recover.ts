import { join } from 'node:path'
import { GatewayError } from '../../base/errors.ts'
import type { Instrument } from '../../market/instrument.ts'
import type { Gap } from '../database/database.ts'
import { type Frame, type LostBytes, scanFrames } from './frame.ts'
import { LossWatch } from './loss-watch.ts'
import { ROW_FILES, UNFINISHED } from './row-log.ts'
import { readRowFrame } from './row-records.ts'
import { RowTable } from './row-table.ts'
import { HEADER_BYTES, MAGIC, SCHEMA_VERSION, SegmentFile } from './segment-file.ts'
import { define } from './segment-names.ts'
import type { SpoolFiles, SpoolLog } from './spool-files.ts'
import { TickIndex } from './tick-index.ts'
import { TICK_FILES } from './tick-log.ts'
import { foundIn, type TickSegment } from './tick-segment.ts'

/** What a directory holds of the life of a process before this one. */
export interface Recovered {
  readonly table: RowTable
  readonly rowFiles: SegmentFile[]
  readonly index: TickIndex
  readonly segments: TickSegment[]
  /** Numbers of new files: above every one that was ever used, as far as it matters. */
  readonly nextRows: number
  readonly nextTicks: number
  /** Ids that damaged bytes held. */
  readonly lost: readonly Gap[]
}

interface FoundFile {
  readonly kind: string
  readonly number: number
  readonly file: SegmentFile
  readonly isReadable: boolean
}

/**
 * Reads every file of the directory. The rest of a file behind its last good frame is cut off.
 * @throws GatewayError config_invalid when a newer version wrote one of them; then all are left as they are.
 */
export async function recover(directory: string, disk: SpoolFiles, log: SpoolLog): Promise<Recovered> {
  const names = await disk.readdir(directory)
  const opened: FoundFile[] = []
  try {
    for (const kind of [ROW_FILES, TICK_FILES]) {
      for (const name of namesOf(kind, names)) opened.push(await openFile(directory, kind, name, disk, log))
    }
  } catch (error) {
    for (const { file } of opened) await file.close()
    throw error
  }
  const rows = opened.filter(({ kind }) => kind === ROW_FILES)
  const ticks = opened.filter(({ kind }) => kind === TICK_FILES)
  for (const name of names.filter((each) => each.endsWith(UNFINISHED))) await disk.rm(join(directory, name))
  const { table, files } = await recoverRows(rows, log)
  const watch = new LossWatch(log)
  const index = new TickIndex()
  const segments: TickSegment[] = []
  for (const found of ticks) {
    const segment =
      found.number < table.ticksFrom.segment ? undefined : await readTicks(found, table, index, watch, log)
    if (segment === undefined) await found.file.remove()
    else segments.push(segment)
  }
  return {
    table,
    rowFiles: files,
    index,
    segments,
    nextRows: 1 + Math.max(0, ...rows.map(({ number }) => number)),
    nextTicks: 1 + Math.max(table.ticksFrom.segment, ...ticks.map(({ number }) => number)),
    lost: watch.lost,
  }
}

function namesOf(kind: string, names: readonly string[]): readonly string[] {
  return names.filter((name) => name.startsWith(kind) && /^\d+$/.test(name.slice(kind.length))).sort()
}

async function openFile(
  directory: string,
  kind: string,
  name: string,
  disk: SpoolFiles,
  log: SpoolLog,
): Promise<FoundFile> {
  const path = join(directory, name)
  const handle = await disk.open(path, 'r+')
  const file = new SegmentFile(path, handle, (await handle.stat()).size, disk, log)
  try {
    return { kind, number: Number(name.slice(kind.length)), file, isReadable: await checkHeader(file) }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** False: no header is there, so that nothing else is. */
async function checkHeader(file: SegmentFile): Promise<boolean> {
  const header = await file.read(0, HEADER_BYTES)
  if (header.length < HEADER_BYTES || header.toString('latin1', 0, MAGIC.length) !== MAGIC) return false
  const version = header.readUInt32LE(MAGIC.length)
  if (version <= SCHEMA_VERSION) return true
  throw new GatewayError(
    'config_invalid',
    `${file.path} must be of schema version ${SCHEMA_VERSION} or older, was ${version}: a newer tickgate wrote it`,
  )
}

async function recoverRows(
  found: readonly FoundFile[],
  log: SpoolLog,
): Promise<{ readonly table: RowTable; readonly files: SegmentFile[] }> {
  let table = new RowTable()
  let files: SegmentFile[] = []
  for (const { file, isReadable } of found) {
    files.push(file)
    if (!isReadable) tellLost(file, { offset: 0, end: file.end, isTorn: file.end < HEADER_BYTES }, log)
    const names: Instrument[] = []
    for await (const frame of isReadable ? framesOf(file, log) : []) {
      if ('isTorn' in frame) continue
      if (frame.kind === 'd') define(names, frame)
      if (frame.kind !== 'r') continue
      const { note, candles } = readRowFrame(frame.body)
      if (note.isWhole) {
        for (const old of files.filter((each) => each !== file)) await old.remove()
        files = [file]
        table = new RowTable()
      }
      if (!table.apply(note, candles, names)) log.warn({ file: file.path }, 'spool: rows of an unknown instrument')
    }
  }
  return { table, files }
}

/** Adds a segment's frames to the index; undefined: nothing waits in it. */
async function readTicks(
  { number, file, isReadable }: FoundFile,
  { ticksFrom }: RowTable,
  index: TickIndex,
  watch: LossWatch,
  log: SpoolLog,
): Promise<TickSegment | undefined> {
  const names: (Instrument | undefined)[] = []
  const segment = { number, file, names }
  const before = index.ticks
  index.seal()
  if (!isReadable) {
    tellLost(file, { offset: 0, end: file.end, isTorn: file.end < HEADER_BYTES }, log)
    watch.lose()
  }
  for await (const frame of isReadable ? framesOf(file, log) : []) {
    const found = 'isTorn' in frame ? undefined : foundIn(frame, names)
    if ('isTorn' in frame || found === undefined) {
      index.seal()
      watch.lose()
      continue
    }
    if (frame.kind === 'd') define(names, frame)
    if (frame.kind !== 't' || (number === ticksFrom.segment && frame.offset < ticksFrom.offset)) continue
    index.add(segment, frame.offset, frame.end, found)
    watch.see(found, names)
  }
  return index.ticks > before ? segment : undefined
}

async function* framesOf(file: SegmentFile, log: SpoolLog): AsyncGenerator<Frame | LostBytes> {
  for await (const frame of scanFrames((from, to) => file.read(from, to), HEADER_BYTES, file.end)) {
    yield frame
    if (!('isTorn' in frame)) continue
    tellLost(file, frame, log)
    if (frame.isTorn) await file.abandon(frame.offset)
  }
}

function tellLost({ path }: SegmentFile, { offset, end, isTorn }: LostBytes, log: SpoolLog): void {
  const fields = { file: path, offset, bytes: end - offset }
  if (isTorn) log.info(fields, 'spool: a torn frame is cut off')
  else log.warn(fields, 'spool: damaged bytes are skipped')
}
