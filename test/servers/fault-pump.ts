import type { Socket } from 'node:net'
import type { Fault } from './fault-proxy.ts'

export interface PumpOptions {
  /** Asked whenever something could be moved. */
  readonly fault: () => Fault
  readonly onMoved: (bytes: number) => void
  readonly onLost: (bytes: number) => void
  /** The socket that is read has ended, and everything it said has been moved on. */
  readonly onEnded: () => void
}

/** One direction of a connection. */
export interface Pump {
  /** Moves what may be moved under the fault of the moment. */
  move(): void
}

/** More than that of one direction is not taken from the socket, so that its peer feels the fault. */
const MOST_BYTES_WAITING = 2 ** 20
/** Pieces of a throttled stream: about twenty a second. */
const PIECES_A_SECOND = 20

/** Carries bytes from a socket to another, in order, late, slowly or not at all. */
export function createPump(from: Socket, to: Socket, { fault, onMoved, onLost, onEnded }: PumpOptions): Pump {
  const waiting: { bytes: Buffer; readonly at: number }[] = []
  let waitingBytes = 0
  let movedAt = 0
  let ended = false
  let timer: NodeJS.Timeout | undefined

  /** How long the first piece still has to wait. */
  const waitMs = (at: number): number => {
    const now = performance.now()
    const chosen = fault()
    if (chosen.kind === 'delay') return at + chosen.ms - now
    if (chosen.kind === 'throttle') return movedAt + 1_000 / PIECES_A_SECOND - now
    return chosen.kind === 'stall' ? Number.POSITIVE_INFINITY : 0
  }
  const send = (piece: { bytes: Buffer }) => {
    const chosen = fault()
    const size =
      chosen.kind === 'throttle' ? Math.max(1, Math.floor(chosen.bytesPerSecond / PIECES_A_SECOND)) : piece.bytes.length
    const bytes = piece.bytes.subarray(0, size)
    piece.bytes = piece.bytes.subarray(size)
    if (piece.bytes.length === 0) waiting.shift()
    waitingBytes -= bytes.length
    movedAt = performance.now()
    if (chosen.kind === 'black-hole') return onLost(bytes.length)
    onMoved(bytes.length)
    if (!to.destroyed) to.write(bytes)
  }
  const move = () => {
    clearTimeout(timer)
    for (let first = waiting[0]; first && !to.writableNeedDrain; first = waiting[0]) {
      const ms = waitMs(first.at)
      if (ms > 0) {
        if (Number.isFinite(ms)) timer = setTimeout(move, ms)
        break
      }
      send(first)
    }
    if (waitingBytes < MOST_BYTES_WAITING) from.resume()
    if (ended && waiting.length === 0) onEnded()
  }

  from.on('data', (bytes: Buffer) => {
    waiting.push({ bytes, at: performance.now() })
    waitingBytes += bytes.length
    if (waitingBytes >= MOST_BYTES_WAITING) from.pause()
    move()
  })
  // An error is followed by the close, which ends the connection on the other side too.
  from.on('error', () => undefined)
  from.on('close', () => {
    ended = true
    move()
  })
  to.on('drain', move)
  to.on('close', () => clearTimeout(timer))
  return { move }
}
