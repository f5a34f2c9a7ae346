import { describe, expect, it } from 'vitest'
import { decode } from '../../src/wire/codec.ts'
import { decodeQuery } from '../../src/wire/query.ts'

const decodeObject = (message: unknown) => decode(JSON.stringify(message))
const codeOf = (message: unknown) => {
  const decoded = decodeObject(message)
  return 'error' in decoded ? decoded.error.code : 'none'
}

describe('decode', () => {
  it('reads a subscribe, spells the timeframe as we do and ignores fields it does not know', () => {
    const decoded = decodeObject({ op: 'subscribe', id: 1, symbols: ['BTC'], timeframe: '1d', color: 'red' })
    expect(decoded).toEqual({ id: 1, message: { op: 'subscribe', id: 1, symbols: ['BTC'], timeframe: '1D' } })
  })

  it.each([
    ['bad_message', 'text'],
    ['bad_message', null],
    ['bad_message', [1]],
    ['bad_message', { op: 7 }],
    ['bad_message', { id: 1 }],
    ['unknown_op', { op: 'shout' }],
    ['unknown_op', { op: 'constructor' }],
    ['unknown_channel', { op: 'subscribe', channel: 'trades', symbols: ['BTC'] }],
    ['unknown_channel', { op: 'unsubscribe', channel: 1, symbols: ['BTC'] }],
    ['bad_parameter', { op: 'unsubscribe', channel: 'ticks', symbols: ['BTC'], timeframe: '1m' }],
    ['bad_timeframe', { op: 'subscribe', symbols: ['BTC'], timeframe: '1M' }],
    ['bad_timeframe', { op: 'subscribe', symbols: ['BTC'], timeframe: 60 }],
    ['bad_parameter', { op: 'subscribe' }],
    ['bad_parameter', { op: 'subscribe', symbols: [] }],
    ['bad_parameter', { op: 'subscribe', symbols: 'BTC' }],
    ['bad_parameter', { op: 'subscribe', symbols: ['BTC'], history: -1 }],
    ['bad_parameter', { op: 'subscribe', symbols: ['BTC'], history: '5' }],
    ['bad_parameter', { op: 'subscribe', symbols: ['BTC'], history: 1.5 }],
    ['bad_parameter', { op: 'subscribe', symbols: ['BTC'], interval: -1 }],
    ['bad_parameter', { op: 'subscribe', symbols: ['BTC'], after: { BTC: 1 } }],
    ['bad_parameter', { op: 'subscribe', channel: 'ticks', symbols: ['BTC'], after: { BTC: 'x' } }],
    ['bad_parameter', { op: 'subscribe', channel: 'ticks', symbols: ['BTC'], after: { BTC: 2 ** 53 } }],
    ['bad_parameter', { op: 'subscribe', channel: 'ticks', symbols: ['BTC'], after: { ETH: 1 } }],
    ['bad_parameter', { op: 'subscribe', channel: 'ticks', symbols: ['BTC'], after: { BTC: 1 }, history: 1 }],
    ['bad_parameter', { op: 'subscribe', channel: 'ticks', symbols: ['BTC'], timeframe: '1m' }],
    ['bad_parameter', { op: 'subscribe', channel: 'ticks', symbols: ['BTC'], to: 1 }],
    ['bad_parameter', { op: 'subscribe', channel: 'prices', symbols: ['BTC'], history: 1 }],
    ['bad_parameter', { op: 'replay', symbols: ['BTC'], action: 'rewind' }],
    ['none', { op: 'subscribe', channel: 'status' }],
    ['none', { op: 'list' }],
  ])('answers %s to %j', (code, message) => {
    expect(codeOf(message)).toBe(code)
  })

  it('keeps the id of a message that it refuses', () => {
    expect(decodeObject({ op: 'shout', id: 5 }).id).toBe(5)
    expect(decodeObject({ op: 'subscribe', id: 'a' }).id).toBe('a')
    expect(decodeObject({ op: 'subscribe', id: 0.5 }).id).toBe(0.5)
    expect(decodeObject({ op: 'ping', id: {} }).id).toBeUndefined()
    expect(decode('{"id":5,').id).toBeUndefined()
  })

  it('repeats no more than a line of what a client sent', () => {
    const decoded = decodeObject({ op: 'x'.repeat(10_000) })
    expect('error' in decoded && decoded.error.message.length).toBeLessThan(200)
  })
})

describe('decodeQuery', () => {
  const read = (query: string) => decodeQuery(new URLSearchParams(query))

  it('reads the fields of subscribe', () => {
    expect(read('symbols=BTC,ETH&channel=candles&timeframe=1m&history=500&interval=0&id=4')).toEqual({
      id: 4,
      message: {
        op: 'subscribe',
        id: 4,
        channel: 'candles',
        symbols: ['BTC', 'ETH'],
        timeframe: '1m',
        history: 500,
        interval: 0,
      },
    })
  })

  it('reads cursors, also of large ids', () => {
    expect(read('channel=ticks&symbols=BTC,ETH&after=BTC:3123456788,ETH:99')).toMatchObject({
      message: { after: { BTC: 3123456788, ETH: 99 } },
    })
  })

  it('is no subscribe without any of its fields', () => {
    expect(read('token=secret&theme=dark')).toBeUndefined()
  })

  it.each([
    ['symbols=BTC&history=', 'bad_parameter'],
    ['symbols=BTC&history=many', 'bad_parameter'],
    ['symbols=', 'bad_parameter'],
    ['channel=ticks', 'bad_parameter'],
    ['symbols=BTC&fill=yes', 'bad_parameter'],
    ['symbols=BTC&timeframe=1M', 'bad_timeframe'],
    ['symbols=BTC&channel=news', 'unknown_channel'],
    ['symbols=BTC&channel=ticks&after=BTC', 'bad_parameter'],
    ['symbols=BTC&channel=ticks&after=BTC:', 'bad_parameter'],
    ['symbols=BTC&channel=ticks&from=now', 'bad_parameter'],
  ])('refuses %s with %s', (query, code) => {
    expect(read(query)).toMatchObject({ error: { code } })
  })
})
