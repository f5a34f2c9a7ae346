/**
 * A finished server-to-client WebSocket text frame (RFC 6455 section 5.2, unmasked) as a string of bytes. What the
 * exchange says is ASCII, so one character is one byte and frames are joined and written as `latin1`.
 */
export type Frame = string

/** Makes a text frame of ASCII. */
export function textFrame(text: string): Frame {
  const length = text.length
  if (length < 126) return String.fromCharCode(0x81, length) + text
  if (length < 65_536) return String.fromCharCode(0x81, 126, length >>> 8, length & 0xff) + text
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
  return String.fromCharCode(0x81, 127, ...bytes) + text
}

/** Frames of one stream that leave together, in order. They are joined once for all who get them whole. */
export interface Batch {
  readonly frames: readonly Frame[]
  bytes(): Buffer
}

export function createBatch(frames: readonly Frame[]): Batch {
  let joined: Buffer | undefined
  return {
    frames,
    bytes() {
      joined ??= Buffer.from(frames.join(''), 'latin1')
      return joined
    },
  }
}
