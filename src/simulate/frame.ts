/**
 * A finished server-to-client WebSocket frame (RFC 6455 section 5.2, unmasked) as a string of bytes. What the exchange
 * says is ASCII, so one character is one byte and frames are joined and written as `latin1`.
 */
export type Frame = string

const TEXT = 0x81
const BINARY = 0x82

/** Makes a text frame of ASCII. */
export function textFrame(text: string): Frame {
  return header(TEXT, text.length) + text
}

/** Makes a binary frame; `bytes` has one character a byte. */
export function binaryFrame(bytes: string): Frame {
  return header(BINARY, bytes.length) + bytes
}

/** What a frame carries. */
export function payloadOf(frame: Frame): string {
  const length = frame.charCodeAt(1)
  if (length < 126) return frame.slice(2)
  return frame.slice(length === 126 ? 4 : 10)
}

function header(kind: number, length: number): string {
  if (length < 126) return String.fromCharCode(kind, length)
  if (length < 65_536) return String.fromCharCode(kind, 126, length >>> 8, length & 0xff)
  const low = length % 4_294_967_296
  const bytes = [
    0,
    0,
    0,
    Math.floor(length / 4_294_967_296),
    low >>> 24,
    (low >>> 16) & 0xff,
    (low >>> 8) & 0xff,
    low & 0xff,
  ]
  return String.fromCharCode(kind, 127, ...bytes)
}

/** Frames of one stream that leave together, in order. They are joined once for all who get them whole. */
export interface Batch {
  /** `btcusdt@aggTrade`. */
  readonly stream: string
  readonly frames: readonly Frame[]
  bytes(): Buffer
}

export function createBatch(stream: string, frames: readonly Frame[]): Batch {
  let joined: Buffer | undefined
  return {
    stream,
    frames,
    bytes() {
      joined ??= Buffer.from(frames.join(''), 'latin1')
      return joined
    },
  }
}
