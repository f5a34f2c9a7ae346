import { expect } from 'vitest'
import type { ServerMessage, TickHistory } from '../../src/wire/messages.ts'
import type { ConnectedClient } from '../fakes/connected-client.ts'

/** Ids from `first` to `last`. */
export const ids = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index)

/** What a client got of BTC, as one list of ticks; fails at a break of the prev chain and at a wrong cursor. */
export function ticksOf(frames: readonly ServerMessage[]): readonly number[] {
  const got: number[] = []
  for (const frame of frames) {
    if (frame.type !== 'tick' && frame.type !== 'ws_history') continue
    const rows = frame.type === 'tick' ? [frame] : (frame as TickHistory).ticks
    for (const { id, prev } of rows) {
      if (got.length > 0) expect(prev).toBe(got.at(-1))
      got.push(id)
    }
    if (frame.type === 'ws_history' && rows.length > 0) expect(frame.cursor).toBe(rows.at(-1)?.id)
  }
  return got
}

/** Everything up to and with the last part of the history. */
export async function untilJoined(client: ConnectedClient): Promise<readonly ServerMessage[]> {
  const frames: ServerMessage[] = []
  for (;;) {
    const frame = await client.next()
    frames.push(frame)
    if (frame.type === 'ws_history' && !frame.more) return frames
  }
}
