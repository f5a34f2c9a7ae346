/** A whole WebSocket frame: header and payload. It is shared by all who get it: never written to again. */
export type Frame = Buffer

const FINAL_TEXT = 0x81
const LENGTH_16 = 126
const LENGTH_64 = 127

/**
 * Encodes `text` as one unmasked, final text frame (RFC 6455, section 5.2): servers do not mask, so that one frame is
 * good for every client. Valid only on connections without permessage-deflate, or as their uncompressed messages.
 */
export function encodeFrame(text: string): Frame {
  return beginFrame(text, 0)
}

/** A frame whose payload is `text` and then `more` bytes, which follow. */
export function beginFrame(text: string, more: number): Buffer {
  const length = Buffer.byteLength(text)
  const header = headerLength(length + more)
  const frame = Buffer.allocUnsafe(header + length)
  writeHeader(frame, header, length + more)
  frame.write(text, header)
  return frame
}

function headerLength(length: number): number {
  return length < LENGTH_16 ? 2 : length < 65_536 ? 4 : 10
}

function writeHeader(frame: Buffer, header: number, length: number): void {
  frame[0] = FINAL_TEXT
  if (header === 2) {
    frame[1] = length
  } else if (header === 4) {
    frame[1] = LENGTH_16
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = LENGTH_64
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
}
