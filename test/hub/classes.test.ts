import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ServerMessage } from '../../src/wire/messages.ts'
import type { ConnectedClient } from '../fakes/connected-client.ts'
import { LATENESS_MS, MemoryHub } from '../fakes/memory-hub.ts'

const MINUTE = 60_000
const day = (text: string) => Date.parse(`${text}T00:00:00Z`)

let hub: MemoryHub
beforeEach(async () => {
  hub = await MemoryHub.start()
})
afterEach(() => hub.close())

const watch = (symbol: string, timeframe: string, fields = {}) =>
  hub.subscribe({ symbols: [symbol], timeframe, interval: 0, ...fields })

/** `2026-01-01 close trades revision`, each. */
const rowsOf = (frame: ServerMessage) =>
  frame.type === 'ws_history' && frame.channel === 'candles'
    ? frame.candles.map(([time, , , , close]) => `${new Date(time).toISOString().slice(0, 10)} ${close}`)
    : []

async function candle(client: ConnectedClient) {
  const { time, open, high, low, close, trades, final, revision } = await client.nextOfType('candle')
  return { date: new Date(time).toISOString().slice(0, 10), open, high, low, close, trades, final, revision }
}

const flat = (price: number) => ({ open: price, high: price, low: price, close: price })

describe('candles of a macro series', () => {
  beforeEach(() => {
    hub.observe('GDP', 10, '2026-01-01', '2026-04-29', 100)
    hub.observe('GDP', 20, '2026-04-01', '2026-07-30', 102)
  })

  it('native: a row per observation; a revision is told with a higher revision, and a new period behind', async () => {
    const client = await watch('GDP', 'native')
    expect(await client.next()).toMatchObject({ type: 'subscribed', symbols: ['GDP'], timeframe: 'native' })
    const history = await client.next()
    expect(history).toMatchObject({ type: 'ws_history', timeframe: 'native', cursor: 20, tier: 'memory', more: false })
    expect(rowsOf(history)).toEqual(['2026-01-01 100', '2026-04-01 102'])
    hub.observe('GDP', 30, '2026-01-01', '2026-08-27', 101)
    expect(await candle(client)).toEqual({ date: '2026-01-01', ...flat(101), trades: 1, final: true, revision: 1 })
    hub.observe('GDP', 40, '2026-07-01', '2026-10-29', 103)
    expect(await candle(client)).toEqual({ date: '2026-07-01', ...flat(103), trades: 1, final: true, revision: 0 })
  })

  it('1D and 1W: in the bucket that holds the period, which a further period revises', async () => {
    const weeks = await watch('DGS10', '1W')
    const days = await watch('DGS10', '1d')
    for (const client of [weeks, days]) await client.nextOfType('ws_history')
    hub.observe('DGS10', 50, '2026-11-17', '2026-11-18', 4.1)
    expect(await candle(weeks)).toEqual({ date: '2026-11-16', ...flat(4.1), trades: 1, final: true, revision: 0 })
    expect(await candle(days)).toEqual({ date: '2026-11-17', ...flat(4.1), trades: 1, final: true, revision: 0 })
    hub.observe('DGS10', 60, '2026-11-18', '2026-11-19', undefined)
    hub.observe('DGS10', 70, '2026-11-19', '2026-11-20', 4.3)
    const range = { open: 4.1, high: 4.3, low: 4.1, close: 4.3 }
    expect(await candle(weeks)).toEqual({ date: '2026-11-16', ...range, trades: 2, final: true, revision: 2 })
    expect(await candle(days)).toEqual({ date: '2026-11-19', ...flat(4.3), trades: 1, final: true, revision: 0 })
    expect(rowsOf(await (await watch('DGS10', '1D')).nextOfType('ws_history'))).toEqual([
      '2026-11-17 4.1',
      '2026-11-19 4.3',
    ])
  })

  it('a vintage that is stored late changes its candle, and is no tick of the stream', async () => {
    const client = await watch('GDP', 'native')
    await client.nextOfType('ws_history')
    const ticks = await hub.subscribe({ channel: 'ticks', symbols: ['GDP'] })
    await ticks.nextOfType('ws_history')
    hub.observeLate('GDP', 15, '2026-01-01', '2026-05-28', 99)
    expect(await candle(client)).toEqual({ date: '2026-01-01', ...flat(99), trades: 1, final: true, revision: 1 })
    expect(await ticks.drain()).toEqual([])
  })

  it('shorter timeframes are refused for that symbol alone, and native for every other', async () => {
    const minutes = await hub.subscribe({ symbols: ['GDP', 'BTC'], timeframe: '1m' })
    expect(await minutes.next()).toMatchObject({ type: 'error', id: 1, code: 'bad_timeframe', symbol: 'GDP' })
    expect(await minutes.next()).toMatchObject({ type: 'subscribed', symbols: ['BTC'] })
    const native = await hub.subscribe({ symbols: ['*'], timeframe: 'native' })
    const refused = [await native.next(), await native.next(), await native.next()]
    expect(refused.map((frame) => (frame.type === 'error' ? [frame.code, frame.symbol] : []))).toEqual([
      ['bad_timeframe', 'BTC'],
      ['bad_timeframe', 'NVDA'],
      ['bad_timeframe', 'CBA'],
    ])
    expect(await native.next()).toMatchObject({ type: 'subscribed', symbols: ['GDP', 'DGS10'] })
  })

  it('fill carries a value through the days between periods, live too; with native it is refused', async () => {
    const refused = await watch('GDP', 'native', { fill: true })
    expect(await refused.next()).toMatchObject({ type: 'error', code: 'bad_parameter', symbol: 'GDP' })
    hub.observe('DGS10', 50, '2026-11-13', '2026-11-16', 4.1)
    hub.observe('DGS10', 60, '2026-11-16', '2026-11-17', 4.2)
    const client = await watch('DGS10', '1D', { fill: true })
    expect(rowsOf(await client.nextOfType('ws_history'))).toEqual([
      '2026-11-13 4.1',
      '2026-11-14 4.1',
      '2026-11-15 4.1',
      '2026-11-16 4.2',
    ])
    hub.observe('DGS10', 70, '2026-11-18', '2026-11-19', 4.3)
    expect(await candle(client)).toEqual({ date: '2026-11-17', ...flat(4.2), trades: 0, final: true, revision: 0 })
    expect(await candle(client)).toEqual({ date: '2026-11-18', ...flat(4.3), trades: 1, final: true, revision: 0 })
  })

  it('has no interval_end, and holds up nobody else', async () => {
    const start = day('2026-11-18')
    hub.trade('BTC', start + MINUTE, 100)
    hub.at(start + 2 * MINUTE)
    const client = await hub.subscribe({ symbols: ['BTC', 'GDP'], timeframe: '1D', interval: 0 })
    await client.nextOfType('ws_history')
    await client.nextOfType('ws_history')
    hub.at(start + 24 * 60 * MINUTE + LATENESS_MS)
    expect(await client.nextOfType('interval_end')).toEqual({ type: 'interval_end', timeframe: '1D', time: start })
  })

  it('the newest price is that of the newest period, whatever is revised', async () => {
    hub.observe('GDP', 30, '2026-01-01', '2026-08-27', 101)
    const prices = await hub.subscribe({ channel: 'prices', symbols: ['GDP'] })
    expect(await prices.nextOfType('price')).toMatchObject({ symbol: 'GDP', id: 20, price: 102 })
    hub.observe('GDP', 40, '2026-04-01', '2026-09-25', 102.5)
    expect(await prices.nextOfType('price')).toMatchObject({ id: 40, price: 102.5 })
  })
})

describe('ticks of a macro series', () => {
  const PERIODS = ['2026-01-01', '2026-02-01', '2026-03-01', '2026-04-01', '2026-05-01', '2026-06-01']
  beforeEach(() => {
    for (const [index, period] of PERIODS.entries())
      hub.observe('GDP', 100 + index, period, `2026-0${index + 2}-10`, index === 1 ? undefined : 100 + index)
  })
  const ids = (ticks: readonly { readonly id: number }[]) => ticks.map(({ id }) => id)

  it('tell the period, the vintage, and null where there is no value; a resume begins after an id', async () => {
    const client = await hub.subscribe({ channel: 'ticks', symbols: ['GDP'], after: { GDP: 100 } })
    expect(await client.next()).toMatchObject({ type: 'subscribed', resume: { GDP: { state: 'complete' } } })
    const rows = []
    for (let more = true; more; ) {
      const part = await client.nextOfType('ws_history')
      if (part.channel === 'ticks') rows.push(...part.ticks)
      more = part.more
    }
    expect(ids(rows)).toEqual([101, 102, 103, 104, 105])
    expect(rows[0]).toEqual({
      ...{ id: 101, prev: 100, price: null, period: '2026-02-01', vintage: '2026-03-10' },
      ...{ time: day('2026-03-10'), received: day('2026-03-10') },
    })
    hub.observe('GDP', 106, '2026-07-01', '2026-08-10', 7)
    expect(await client.nextOfType('tick')).toMatchObject({ id: 106, prev: 105, price: 7, period: '2026-07-01' })
  })

  it('are replayed by the times at which they became known, then live', async () => {
    const from = day('2026-04-10')
    const client = await hub.subscribe({ channel: 'ticks', symbols: ['GDP'], from, speed: 'max' })
    await client.nextOfType('ws_history')
    for (const id of [102, 103, 104, 105]) expect(await client.next()).toMatchObject({ type: 'tick', id, prev: id - 1 })
    expect(await client.next()).toMatchObject({ type: 'replay_end', cursor: 105, live: true })
    hub.observe('GDP', 106, '2026-07-01', '2026-08-10', 7)
    expect(await client.next()).toMatchObject({ type: 'tick', id: 106, prev: 105 })
  })
})

describe('candles of a stock', () => {
  const at = (text: string) => Date.parse(`${text}Z`)

  it('a day is the exchange day: it goes on over midnight in UTC, and is over at local midnight', async () => {
    const client = await watch('NVDA', '1D')
    await client.nextOfType('ws_history')
    // 20:30 in New York is Monday still; and a price that late is of no regular hour, but this is a test of days.
    hub.trade('NVDA', at('2026-11-23T20:30:00'), 180)
    expect(await candle(client)).toMatchObject({ date: '2026-11-23', close: 180, final: false })
    hub.trade('NVDA', at('2026-11-24T01:00:00'), 182)
    expect(await candle(client)).toMatchObject({ date: '2026-11-23', close: 182, trades: 2, final: false })
    hub.at(at('2026-11-24T05:00:00') + LATENESS_MS - 1)
    expect(await client.drain()).toEqual([])
    hub.at(at('2026-11-24T05:00:00') + LATENESS_MS)
    expect(await candle(client)).toMatchObject({ date: '2026-11-23', close: 182, final: true, revision: 0 })
    expect(await client.next()).toEqual({ type: 'interval_end', timeframe: '1D', time: day('2026-11-23') })
    hub.trade('NVDA', at('2026-11-24T14:30:00'), 183)
    expect(await candle(client)).toMatchObject({ date: '2026-11-24', open: 183, trades: 1, final: false })
    const snapshot = await (await watch('NVDA', '1D')).nextOfType('ws_history')
    expect(rowsOf(snapshot)).toEqual(['2026-11-23 182', '2026-11-24 183'])
  })

  it('a session of Sydney is one day and one week, though it begins on the Sunday before in UTC', async () => {
    const days = await watch('CBA', '1D')
    const weeks = await watch('CBA', '1W')
    for (const client of [days, weeks]) await client.nextOfType('ws_history')
    hub.trade('CBA', at('2026-11-22T23:05:00'), 150)
    for (const client of [days, weeks]) expect(await candle(client)).toMatchObject({ date: '2026-11-23', close: 150 })
    hub.trade('CBA', at('2026-11-23T04:00:00'), 151)
    for (const client of [days, weeks]) expect(await candle(client)).toMatchObject({ date: '2026-11-23', trades: 2 })
    hub.at(at('2026-11-23T13:00:00') + LATENESS_MS)
    expect(await candle(days)).toMatchObject({ date: '2026-11-23', close: 151, final: true })
  })

  it('exchanges of one source end their days at different times, and each client is told of its own', async () => {
    hub.trade('NVDA', at('2026-11-23T14:31:00'), 180)
    hub.trade('CBA', at('2026-11-23T14:31:00'), 150)
    hub.at(at('2026-11-23T14:32:00'))
    const [both, one] = [
      await hub.subscribe({ symbols: ['NVDA', 'CBA'], timeframe: '1D', interval: 0 }),
      await watch('CBA', '1D'),
    ]
    for (const client of [both, both, one]) await client.nextOfType('ws_history')
    hub.at(at('2026-11-24T13:00:00') + LATENESS_MS)
    const told = async (client: ConnectedClient) =>
      (await client.drain()).flatMap((frame) => (frame.type === 'interval_end' ? [frame.time] : []))
    expect(await told(one)).toEqual([day('2026-11-24')])
    // It was Tuesday in Sydney when they were asked for: what ended on Monday is of New York.
    expect(await told(both)).toEqual([day('2026-11-23')])
    hub.at(at('2026-11-25T05:00:00') + LATENESS_MS)
    expect(await told(both)).toEqual([day('2026-11-24')])
  })

  it('a price outside of regular hours is a tick and the newest price, and in no candle', async () => {
    hub.trade('NVDA', at('2026-11-23T20:30:00'), 180)
    const candles = await watch('NVDA', '1D')
    const prices = await hub.subscribe({ channel: 'prices', symbols: ['NVDA'], interval: 0 })
    const ticks = await hub.subscribe({ channel: 'ticks', symbols: ['NVDA'] })
    for (const client of [candles, ticks]) await client.nextOfType('ws_history')
    await prices.nextOfType('price')
    hub.trade('NVDA', at('2026-11-23T22:00:00'), 190, { trades: 0 })
    expect(await ticks.nextOfType('tick')).toMatchObject({ price: 190 })
    expect(await prices.nextOfType('price')).toMatchObject({ price: 190 })
    expect(await candles.drain()).toEqual([])
    expect(rowsOf(await (await watch('NVDA', '1D')).nextOfType('ws_history'))).toEqual(['2026-11-23 180'])
  })
})
