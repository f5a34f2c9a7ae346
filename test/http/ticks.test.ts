import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { GapSource } from '../../src/http/gaps.ts'
import type { ObservationSource } from '../../src/http/observations.ts'
import { readTicks, type TickSource } from '../../src/http/read-ticks.ts'
import { createHttpServer, type HttpServer } from '../../src/http/server.ts'
import type { Update } from '../../src/market/tick.ts'
import { MemoryStream } from '../../src/tiers/memory/memory.ts'
import { bareHttp } from '../fakes/bare-http.ts'
import { BTC } from '../fakes/exchange-feed.ts'

const NOON = Date.UTC(2026, 10, 18, 12)

function update(id: number): Update {
  const side = id % 2 === 0 ? 'buy' : 'sell'
  const same = { symbol: 'BTC', price: 100 + id, size: 0.5, side, trades: 1, received: 0 } as const
  return { ...same, id, prev: id === 1 ? null : id - 1, time: NOON + id * 1_000, backfilled: false }
}

/** A stream of `count` ticks of which the database has some, and memory's tail the rest and a few more. */
function streamOf(count: number, stored = count, tail = 10_000) {
  const stream = new MemoryStream(BTC, { candles: 10, ticks: tail })
  const all = Array.from({ length: count }, (_, index) => update(index + 1))
  for (const each of all) stream.append(each)
  stream.durable(stored)
  stream.live = true
  const rows = all.slice(0, stored)
  const source: TickSource & GapSource & ObservationSource = {
    stream: (symbol) => (symbol === 'BTC' ? stream : undefined),
    symbols: () => ['BTC'],
    awaited: () => ['ETH'],
    ticksAfter: async (_, after, limit) => rows.filter(({ id }) => id > after).slice(0, limit),
    ticksBefore: async (_, before, limit) =>
      rows.filter(({ id }) => id < (before ?? Number.POSITIVE_INFINITY)).slice(-limit),
    idFrom: async (_, time) => rows.find((row) => row.time >= time)?.id,
    observations: async () => [],
    gaps: async (symbol) => [
      { symbol, stream: 'exchange:BTCUSDT', from: 5, to: 7, count: 3, status: 'open', reason: 'cut' },
    ],
  }
  return { stream, source, all }
}

describe('reading ticks', () => {
  it('page after page gives every tick of the range once, wherever memory and the database meet', async () => {
    const shapes = fc.record({
      count: fc.integer({ min: 1, max: 60 }),
      storedPart: fc.double({ min: 0, max: 1, noNaN: true }),
      tail: fc.integer({ min: 1, max: 40 }),
      limit: fc.integer({ min: 1, max: 30 }),
      from: fc.integer({ min: 0, max: 70 }),
      length: fc.option(fc.integer({ min: 0, max: 70 })),
      byTime: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(shapes, async ({ count, storedPart, tail, limit, from, length, byTime }) => {
        const { stream, source, all } = streamOf(count, Math.floor(count * storedPart), tail)
        const to = length === null ? undefined : NOON + (from + length) * 1_000
        const start = byTime ? { from: NOON + from * 1_000 } : { after: Math.min(from, count) }
        const got: Update[] = []
        let page = await readTicks(stream, { ...start, to, limit }, source)
        got.push(...page.ticks)
        while (page.more) {
          expect(page.ticks).toHaveLength(limit)
          page = await readTicks(stream, { after: got.at(-1)!.id, to, limit }, source)
          got.push(...page.ticks)
        }
        const first = byTime ? from : Math.min(from, count) + 1
        expect(got).toEqual(all.filter(({ id, time }) => id >= first && (to === undefined || time < to)))
      }),
      { numRuns: 300 },
    )
  })

  it.each([10, 5])(
    'leaves nothing out that is stored and let go of while the database answers, from %i on',
    async (begin) => {
      const { stream, source, all } = streamOf(40, begin, 5)
      let stored = begin
      const ticksAfter: TickSource['ticksAfter'] = async (_, after, limit) => {
        const rows = all.slice(0, stored).filter(({ id }) => id > after)
        stored = 38
        stream.durable(stored)
        return rows.slice(0, limit)
      }
      const page = await readTicks(stream, { after: 5, limit: 100 }, { ...source, ticksAfter })
      expect(page.ticks.map(({ id }) => id)).toEqual(all.slice(5).map(({ id }) => id))
    },
  )

  it('goes on with what memory has where ticks are nowhere any more', async () => {
    const { stream, source, all } = streamOf(40, 10, 5)
    stream.durable(30)
    const page = await readTicks(stream, { after: 10, limit: 100 }, source)
    expect(page.ticks).toEqual(all.slice(30))
  })

  it('without a beginning gives the newest, of all or before a moment', async () => {
    const { stream, source } = streamOf(20, 18, 5)
    const ids = async (limit: number, to?: number) =>
      (await readTicks(stream, { limit, to }, source)).ticks.map(({ id }) => id)
    expect(await ids(3)).toEqual([18, 19, 20])
    expect(await ids(8)).toEqual([13, 14, 15, 16, 17, 18, 19, 20])
    expect(await ids(3, NOON + 10_000)).toEqual([7, 8, 9])
    expect(await ids(3, NOON + 20_000)).toEqual([17, 18, 19])
    expect(await ids(3, NOON + 90_000)).toEqual([18, 19, 20])
  })

  it('beyond the newest id is wrong, or too early while the stream catches up', async () => {
    const { stream, source } = streamOf(5)
    expect((await readTicks(stream, { after: 5, limit: 9 }, source)).ticks).toEqual([])
    await expect(readTicks(stream, { after: 6, limit: 9 }, source)).rejects.toMatchObject({ code: 'bad_parameter' })
    stream.live = false
    await expect(readTicks(stream, { after: 6, limit: 9 }, source)).rejects.toMatchObject({ code: 'unavailable' })
  })
})

describe('over HTTP', () => {
  let http: HttpServer | undefined
  afterEach(() => http?.close())

  async function ask(
    path: string,
    source: (TickSource & GapSource & ObservationSource) | undefined = streamOf(20, 18, 5).source,
  ) {
    http = await createHttpServer({ ...bareHttp(), source: () => source })
    const response = await fetch(`${http.url}${path}`)
    return { status: response.status, headers: response.headers, body: await response.json() }
  }

  it('ticks come as rows of ws_history, with the place where the next page begins', async () => {
    const { body, headers, status } = await ask('/api/v1/ticks/btc?after=2&limit=2')
    expect(status).toBe(200)
    expect(headers.get('x-cache')).toBe('database')
    expect(headers.get('age')).toBe('0')
    const row = { id: 3, prev: 2, price: 103, size: 0.5, side: 'sell', time: NOON + 3_000, received: 0 }
    expect(body).toMatchObject({ symbol: 'BTC', stream: 'exchange:BTCUSDT', cursor: 4, more: true })
    expect(body.ticks[0]).toEqual(row)
  })

  it('ticks that memory holds are told so', async () => {
    const { body, headers } = await ask('/api/v1/ticks/BTC?limit=2')
    expect(headers.get('x-cache')).toBe('memory')
    expect(body).toMatchObject({ cursor: 20, more: false })
  })

  it.each([
    ['/api/v1/ticks/NOPE', 404, 'unknown_symbol'],
    ['/api/v1/ticks/ETH', 503, 'unavailable'],
    ['/api/v1/ticks/BTC?limit=0', 400, 'bad_parameter'],
    ['/api/v1/ticks/BTC?limit=10001', 400, 'bad_parameter'],
    ['/api/v1/ticks/BTC?after=1&from=5', 400, 'bad_parameter'],
    ['/api/v1/ticks/BTC?after=x', 400, 'bad_parameter'],
    ['/api/v1/ticks/BTC?since=5', 400, 'bad_parameter'],
    ['/api/v1/ticks/BTC?after=21', 400, 'bad_parameter'],
    ['/api/v1/gaps?symbol=NOPE', 404, 'unknown_symbol'],
  ])('%s is answered with %i %s', async (path, status, code) => {
    const answer = await ask(path)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect(answer.body).toMatchObject({ status, code })
  })

  it('gaps come with their bounds, their count and what became of them', async () => {
    const gap = { symbol: 'BTC', stream: 'exchange:BTCUSDT', from: 5, to: 7, count: 3, status: 'open', reason: 'cut' }
    expect((await ask('/api/v1/gaps')).body).toEqual({ gaps: [gap] })
  })
})
