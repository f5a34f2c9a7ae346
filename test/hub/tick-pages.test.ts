import { describe, expect, it } from 'vitest'
import { encodePart, rowsOf } from '../../src/hub/ticks/part.ts'
import { TickPage } from '../../src/hub/ticks/tick-page.ts'
import { type PageSlice, TickPages } from '../../src/hub/ticks/tick-pages.ts'
import { FakeStream } from '../fakes/fake-source.ts'
import { ids } from './ticks-of.ts'

const BOUNDS = { pageTicks: 10, maxTicks: 30 }

/** Ticks 100 to 100 + `count` - 1, of which memory holds the newest `kept`. */
function stream(count: number, kept = count): FakeStream {
  const made = new FakeStream('BTC')
  for (let n = 0; n < count; n += 1) made.add()
  made.evictTo(kept)
  return made
}

const idsOf = (slice: PageSlice | undefined) => slice?.page.rows.slice(slice.start).map(({ id }) => id)

describe('pages of memory', () => {
  it('begin at fixed ids, so that clients at different places share them', () => {
    const [view, pages] = [stream(40), new TickPages(BOUNDS)]
    const one = pages.find(view, 112)
    const other = pages.find(view, 117)
    expect(idsOf(one)).toEqual(ids(113, 120))
    expect(idsOf(other)).toEqual(ids(118, 120))
    expect(other?.page).toBe(one?.page)
  })

  it('grow with the stream, and their text with them', () => {
    const [view, pages] = [stream(25), new TickPages(BOUNDS)]
    const before = pages.find(view, 122)!
    const text = before.page.text(before.start, before.page.rows.length)
    const copy = text.toString()
    for (let n = 0; n < 3; n += 1) view.add()
    const after = pages.find(view, 122)!
    expect(after.page).toBe(before.page)
    expect(idsOf(after)).toEqual(ids(123, 127))
    expect(JSON.parse(`[${after.page.text(after.start, after.page.rows.length)}]`)).toHaveLength(5)
    expect(text.toString()).toBe(copy)
  })

  it('are the client’s own where memory does not reach back to the beginning of the page', () => {
    const [view, pages] = [stream(40, 25), new TickPages(BOUNDS)]
    expect(idsOf(pages.find(view, 114))).toEqual(ids(115, 124))
    expect(pages.find(view, 113)).toBeUndefined()
    expect(pages.size).toBe(0)
  })

  it('stay when memory has let go of them, if they are full', () => {
    const [view, pages] = [stream(40), new TickPages(BOUNDS)]
    pages.find(view, 112)
    pages.find(view, 135)
    view.evictTo(0)
    expect(idsOf(pages.find(view, 112))).toEqual(ids(113, 120))
    view.add()
    view.evictTo(0)
    view.add()
    expect(pages.find(view, 135)).toBeUndefined()
  })

  it('are no longer used after a hole in them was filled, or of a stream that was replaced', () => {
    const view = stream(13)
    view.sayGap({ from: 113, to: 117, status: 'open', reason: undefined })
    view.add({ jump: 6 })
    for (let n = 0; n < 20; n += 1) view.add()
    const pages = new TickPages(BOUNDS)
    expect(idsOf(pages.find(view, 111))).toEqual([112, ...ids(118, 125)])
    view.find(ids(113, 117))
    expect(idsOf(pages.find(view, 111))).toEqual([112, ...ids(118, 125)])
    view.cutTail(117)
    view.sayGap({ from: 113, to: 117, status: 'filled', reason: undefined })
    expect(pages.find(view, 111)).toBeUndefined()
    expect(idsOf(pages.find(view, 120))).toEqual(ids(121, 130))
    expect(idsOf(pages.find(stream(23), 120))).toEqual(ids(121, 122))
  })

  it('are no longer used after ticks were stored in them or before them of which no gap had told', async () => {
    const [view, pages] = [stream(3), new TickPages(BOUNDS)]
    view.add({ jump: 4 })
    for (let n = 0; n < 30; n += 1) view.add()
    view.evictTo(5)
    const read = (after: number, limit: number) =>
      Promise.resolve(view.stored.filter(({ id }) => id > after).slice(0, limit))
    expect(idsOf(await pages.read(view, 101, read))).toEqual([102, ...ids(106, 113)])
    expect(pages.find(view, 101)).toBeDefined()
    view.find(ids(103, 105))
    view.cutTail(105)
    expect(pages.find(view, 101)).toBeUndefined()
    expect(idsOf(await pages.read(view, 101, read))).toEqual(ids(102, 110))
  })

  it('leave when there are too many, those first that nobody wanted for longest', () => {
    const [view, pages] = [stream(60), new TickPages(BOUNDS)]
    const first = pages.find(view, 105)?.page
    const second = pages.find(view, 115)?.page
    for (const position of [125, 105, 135]) pages.find(view, position)
    expect(pages.size).toBe(30)
    expect(pages.find(view, 105)?.page).toBe(first)
    expect(pages.find(view, 115)?.page).not.toBe(second)
  })
})

describe('pages of the database', () => {
  it('are read once for all who want them at the same time, and kept when they are full', async () => {
    const [view, pages] = [stream(60, 5), new TickPages(BOUNDS)]
    const asked: number[] = []
    const read = async (after: number, limit: number) => {
      asked.push(after)
      return view.stored.filter(({ id }) => id > after).slice(0, limit)
    }
    const slices = await Promise.all([112, 117, 122].map((position) => pages.read(view, position, read)))
    expect(slices.map(idsOf)).toEqual([ids(113, 120), ids(118, 120), ids(123, 130)])
    expect(asked).toEqual([110, 120])
    expect(idsOf(pages.find(view, 119))).toEqual([120])
    expect(idsOf(await pages.read(view, 154, read))).toEqual(ids(155, 156))
    expect(pages.find(view, 152)).toBeUndefined()
  })

  it('are read anew after a failure', async () => {
    const [view, pages] = [stream(60, 5), new TickPages(BOUNDS)]
    await expect(pages.read(view, 112, () => Promise.reject(new Error('away')))).rejects.toThrow('away')
    expect(idsOf(await pages.read(view, 112, async () => view.all.slice(11, 21)))).toEqual(ids(113, 120))
  })
})

describe('a part', () => {
  it('is one frame, of which a client’s own link is the only thing that is not shared', () => {
    const page = new TickPage(stream(5).all, 'memory', [])
    for (const [start, end, prev] of [
      [1, 4, undefined],
      [1, 4, 77],
      [1, 2, 77],
      [5, 5, 77],
    ] as const) {
      const part = { page, start, end, prev, cursor: 104, more: true, truncated: false }
      const frame = Buffer.concat(encodePart('BTC', part))
      const payload = frame.subarray(frame.indexOf('{'))
      expect(payload.length).toBe(frame[1] === 126 ? frame.readUInt16BE(2) : frame[1])
      const { ticks } = JSON.parse(payload.toString())
      expect(ticks).toMatchObject(rowsOf(part).map(({ id, prev, price }) => ({ id, prev, price })))
      expect(ticks).toHaveLength(end - start)
    }
  })
})
