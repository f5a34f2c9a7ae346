import type { Writable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as ws from 'ws'
import type { Candle } from '../../src/market/candle.ts'
import type { Update } from '../../src/market/tick.ts'
import { CLOSE } from '../../src/wire/close-codes.ts'
import { encodeCandle, encodeCandleHistory, encodeTick, encodeTickHistory } from '../../src/wire/encode.ts'
import { encodeFrame } from '../../src/wire/frame.ts'

const update: Update = {
  symbol: 'BTC',
  id: 3123456789,
  prev: 3123456788,
  price: 0.1 + 0.2,
  size: 1e-7,
  side: 'sell',
  trades: 3,
  time: 1_732_250_000_001,
  received: 1_732_250_000_020,
  backfilled: false,
}
const candle: Candle = {
  time: 1_732_250_040_000,
  open: 1,
  high: 3.5,
  low: 0.5,
  close: 2,
  volume: 12.00000001,
  quoteVolume: 1e21,
  buyVolume: 6,
  trades: 7,
  firstId: 1,
  lastId: 9,
  final: true,
  revision: 2,
}
const row = {
  id: 3123456789,
  prev: 3123456788,
  price: 0.1 + 0.2,
  size: 1e-7,
  side: 'sell',
  time: 1_732_250_000_001,
  received: 1_732_250_000_020,
}

describe('encode', () => {
  it('writes a tick with every digit of its numbers', () => {
    expect(JSON.parse(encodeTick(update))).toEqual({ type: 'tick', symbol: 'BTC', ...row })
  })

  it('leaves out what a tick does not have, and says null for the first one without a predecessor', () => {
    const bare = { ...update, prev: null, size: undefined, side: undefined, backfilled: true }
    const { size: _, side: __, ...rest } = row
    expect(JSON.parse(encodeTick(bare))).toEqual({ type: 'tick', symbol: 'BTC', ...rest, prev: null, backfilled: true })
  })

  it('tells an observation with its period and vintage, and null for one without a value', () => {
    const dates = { period: '2026-07-01', vintage: '2026-10-29' }
    const seen = { ...update, symbol: 'GDP', size: undefined, side: undefined, ...dates }
    const { size: _, side: __, ...rest } = row
    expect(JSON.parse(encodeTick(seen))).toEqual({ type: 'tick', symbol: 'GDP', ...rest, ...dates })
    expect(JSON.parse(encodeTick({ ...seen, price: undefined }))).toMatchObject({ price: null, ...dates })
  })

  it('escapes a symbol that JSON would not take as it is', () => {
    expect(JSON.parse(encodeTick({ ...update, symbol: '"^\\é' }))).toMatchObject({ symbol: '"^\\é' })
  })

  it('writes a candle as of its cursor', () => {
    const { firstId: _, lastId: __, ...fields } = candle
    const head = { type: 'candle', symbol: 'BTC', timeframe: '1m' }
    expect(JSON.parse(encodeCandle('BTC', '1m', candle, 9))).toEqual({ ...head, ...fields, cursor: 9 })
    expect(JSON.parse(encodeCandle('BTC', '1m', candle, null))).toMatchObject({ cursor: null })
  })

  it('writes history of candles as rows of ccxt, and of ticks as ticks without type and symbol', () => {
    const head = { symbol: 'BTC', cursor: 9, tier: 'memory', more: false, truncated: false } as const
    const wire = { type: 'ws_history', symbol: 'BTC', cursor: 9, tier: 'memory', more: false }
    expect(JSON.parse(encodeCandleHistory(head, '1m', [candle]))).toEqual({
      ...wire,
      channel: 'candles',
      timeframe: '1m',
      candles: [[1_732_250_040_000, 1, 3.5, 0.5, 2, 12.00000001]],
    })
    const cut = { ...wire, channel: 'ticks', truncated: true, ticks: [row] }
    expect(JSON.parse(encodeTickHistory({ ...head, truncated: true }, [update]))).toEqual(cut)
  })
})

/** The parser of ws, which its types leave out. */
const { Receiver } = ws as unknown as { Receiver: new (options: { isServer: boolean }) => Writable }

describe('encodeFrame', () => {
  it('is read back by ws as the same text, at every length of header', async () => {
    const texts = fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(...LENGTHS.map(textOf))))
    await fc.assert(
      fc.asyncProperty(texts, async (expected) => {
        const receiver = new Receiver({ isServer: false })
        const read: string[] = []
        receiver.on('message', (data: Buffer) => read.push(data.toString()))
        receiver.write(Buffer.concat(expected.map(encodeFrame)))
        await new Promise<void>((resolve) => receiver.end(resolve))
        expect(read).toEqual(expected)
      }),
      { numRuns: 50 },
    )
  })
})

const LENGTHS = [0, 125, 126, 127, 65_535, 65_536, 70_000]
const textOf = (length: number) => 'x'.repeat(length)

describe('close codes', () => {
  it('have reasons that fit into a close frame', () => {
    for (const { reason } of Object.values(CLOSE)) expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123)
  })
})
