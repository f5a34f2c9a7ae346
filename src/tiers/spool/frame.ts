import { crc32 } from 'node:zlib'

/**
 * `[u32 length][u32 crc32][payload]`, little-endian. Each payload begins with a mark, by which the next frame is found
 * again behind bytes that are damaged.
 */
export interface Frame {
  readonly offset: number
  readonly end: number
  readonly kind: FrameKind
  /** Without the mark. */
  readonly body: Buffer
}

/** Bytes that are no frame: damaged ones with a good frame behind them, or the rest of the file. */
export interface LostBytes {
  readonly offset: number
  readonly end: number
  /** No frame follows: as a process leaves it that is killed while it writes. */
  readonly isTorn: boolean
}

/** Definitions of instruments, ticks, and rows: candles, gaps and what became of them. */
export type FrameKind = 'd' | 't' | 'r'

/** Length, checksum and mark: the body follows. */
export const FRAME_HEAD = 12
const MARK = 'TGF'
const MARK_AT = 8
const KIND_AT = 11
/** Larger ones are never written: a length above it is damaged. */
const MOST_BYTES = 64 * 2 ** 20
const WINDOW_BYTES = 2 ** 20

/** Makes a frame of `bytes`, whose first FRAME_HEAD bytes are left free for it. */
export function sealFrame(bytes: Buffer, kind: FrameKind): Buffer {
  bytes.write(MARK + kind, MARK_AT, 'latin1')
  bytes.writeUInt32LE(bytes.length - MARK_AT, 0)
  bytes.writeUInt32LE(crc32(bytes.subarray(MARK_AT)), 4)
  return bytes
}

/** The frame of a JSON value. */
export function jsonFrame(kind: FrameKind, value: unknown): Buffer {
  return sealFrame(Buffer.concat([Buffer.alloc(FRAME_HEAD), Buffer.from(JSON.stringify(value))]), kind)
}

/** The frame that begins at `at` of `bytes`, whose first byte is at `base` of the file; undefined: there is none. */
export function frameAt(bytes: Buffer, at: number, base: number): Frame | undefined {
  if (at + FRAME_HEAD > bytes.length) return undefined
  const end = at + MARK_AT + bytes.readUInt32LE(at)
  if (end < at + FRAME_HEAD || end > bytes.length) return undefined
  if (crc32(bytes.subarray(at + MARK_AT, end)) !== bytes.readUInt32LE(at + 4)) return undefined
  const kind = String.fromCharCode(bytes[at + KIND_AT]!) as FrameKind
  return { offset: base + at, end: base + end, kind, body: bytes.subarray(at + FRAME_HEAD, end) }
}

/** Reads bytes of a file: as many as there are between the two offsets. */
export type ReadBytes = (from: number, to: number) => Promise<Buffer>

/** Everything in a file from `from` to `size`, in order: frames, and what is none. */
export async function* scanFrames(read: ReadBytes, from: number, size: number): AsyncGenerator<Frame | LostBytes> {
  const window = createWindow(read, size)
  let offset = from
  while (offset < size) {
    const frame = await readFrame(window, offset)
    if (frame !== undefined) {
      yield frame
      offset = frame.end
      continue
    }
    const next = await findFrame(window, offset + 1, size)
    yield { offset, end: next ?? size, isTorn: next === undefined }
    offset = next ?? size
  }
}

/** Bytes of the file from an offset on, read ahead. */
type Window = (offset: number, length: number) => Promise<Buffer>

function createWindow(read: ReadBytes, size: number): Window {
  let start = 0
  let bytes: Buffer = Buffer.alloc(0)
  return async (offset, length) => {
    const end = Math.min(size, offset + length)
    if (offset < start || end > start + bytes.length) {
      bytes = await read(offset, Math.min(size, Math.max(end, offset + WINDOW_BYTES)))
      start = offset
    }
    return bytes.subarray(offset - start, end - start)
  }
}

async function readFrame(window: Window, offset: number): Promise<Frame | undefined> {
  const head = await window(offset, FRAME_HEAD)
  if (head.length < FRAME_HEAD || head.toString('latin1', MARK_AT, KIND_AT) !== MARK) return undefined
  const length = head.readUInt32LE(0)
  return length > MOST_BYTES ? undefined : frameAt(await window(offset, MARK_AT + length), 0, offset)
}

/** Where the next good frame begins. */
async function findFrame(window: Window, from: number, size: number): Promise<number | undefined> {
  let offset = from
  while (offset + FRAME_HEAD <= size) {
    const bytes = await window(offset, WINDOW_BYTES)
    const mark = bytes.indexOf(MARK, MARK_AT, 'latin1')
    if (mark < 0) {
      // The mark may lie across the end of what was read.
      offset += Math.max(1, bytes.length - FRAME_HEAD + 1)
      continue
    }
    const start = offset + mark - MARK_AT
    if ((await readFrame(window, start)) !== undefined) return start
    offset = start + 1
  }
  return undefined
}
