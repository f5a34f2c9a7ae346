import { expect } from 'vitest'
import type { Holes } from './holes.ts'

type Status = 'open' | 'filled' | 'unfillable'

/** What a client heard of one stream, one thing after the other. */
export type Heard =
  | { readonly type: 'row'; readonly id: number; readonly prev: number | null }
  | { readonly type: 'gap'; readonly from: number; readonly to: number; readonly status: Status }

/**
 * Holds what a client heard after id `after` against the stream: its ticks once, in order, each linked to the one before;
 * and of every id that it did not get, at its place that it is in a hole, and later what became of that.
 */
export function checkJoined(
  heard: readonly Heard[],
  after: number,
  stream: readonly { readonly id: number }[],
  holes: Holes,
): void {
  const got = new Set<number>()
  const told = new Map<number, Status>()
  let last: number | undefined
  for (const item of heard) {
    if (item.type === 'gap') {
      if (item.status !== 'filled' && item.to > after && !told.has(item.to))
        expect(item.from).toBeGreaterThan(last ?? 0)
      tell(item, told)
    } else {
      if (last !== undefined) expect(item.prev).toBe(last)
      for (let id = (last ?? after) + 1; id < item.id; id += 1) expect([id, told.get(id)]).not.toEqual([id, undefined])
      last = item.id
      got.add(item.id)
    }
  }
  const end = stream.at(-1)!.id
  for (let id = after + 1; id <= end; id += 1) {
    const hole = holes.all.find(({ from, to }) => id >= from && id <= to)
    if (!hole) expect([id, got.has(id)]).toEqual([id, true])
    else if (!hole.isSettled) expect([id, got.has(id) || told.get(id) === 'open']).toEqual([id, true])
    else if (hole.found.has(id)) expect([id, got.has(id) || told.get(id) === 'filled']).toEqual([id, true])
    else expect([id, told.get(id)]).toEqual([id, 'unfillable'])
  }
}

/** Takes note of a hole; nothing is told of an id twice. */
function tell({ from, to, status }: Heard & { readonly type: 'gap' }, told: Map<number, Status>): void {
  for (let id = from; id <= to; id += 1) {
    expect([id, told.get(id)]).not.toEqual([id, status])
    told.set(id, status)
  }
}
