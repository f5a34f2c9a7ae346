import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readQuote } from '../../feeds/yahoo-quote.ts'
import { SeenQuotes } from '../../feeds/yahoo-seen.ts'
import { normalizeQuote, type SeenQuote } from '../../feeds/yahoo-ticks.ts'
import type { Tick } from '../../src/market/tick.ts'
import { quoteRow } from '../fakes/yahoo-source.ts'

type Row = Readonly<Record<string, unknown>>

const SYMBOLS = new Map([['AAPL', 'APPLE']])
const at = (text: string) => Date.parse(`2024-03-04T${text}Z`) / 1_000
/** Monday, 4 March 2024: New York trades from 14:30 to 21:00. */
const NOON = at('17:00:00')
const DAY = Date.parse('2024-03-04T00:00:00Z')
const SEEN: SeenQuote = { time: at('20:59:55') * 1_000, price: 99.5, day: DAY, volume: 900 }

function normalize(row: Row, before?: SeenQuote): readonly Tick[] {
  return normalizeQuote({ row: quoteRow('AAPL', row), before }, 5, SYMBOLS)
}

describe('a row of quotes', () => {
  test('gives every field its meaning', () => {
    const time = at('20:59:59')
    expect(normalize({ regularMarketTime: time }, SEEN)).toEqual([
      {
        ...{ symbol: 'APPLE', id: time * 1e6, price: 100, size: 100, side: undefined, trades: 1 },
        ...{ time: time * 1_000, received: 5 },
      },
    ])
  })

  test('has the same meaning with times as dates', () => {
    const seconds = { regularMarketTime: NOON, postMarketTime: NOON + 9, postMarketPrice: 101 }
    const dates = {
      ...{ regularMarketTime: new Date(NOON * 1_000), postMarketTime: new Date((NOON + 9) * 1_000) },
      postMarketPrice: 101,
    }
    expect(normalize(dates)).toEqual(normalize(seconds))
  })

  test('is a tick of its latest price, which is in candles only when it is of regular hours', () => {
    const closed = { marketState: 'POST', regularMarketTime: at('21:00:01') }
    const post = { ...closed, postMarketPrice: 101.25, postMarketTime: at('21:30:00') }
    expect(normalize(post)).toMatchObject([{ price: 101.25, trades: 0, size: undefined, id: at('21:30:00') * 1e6 }])
    const pre = {
      marketState: 'PRE',
      preMarketPrice: 98,
      preMarketTime: at('13:00:00'),
      regularMarketTime: at('00:00:00'),
    }
    expect(normalize(pre)).toMatchObject([{ price: 98, trades: 0 }])
    expect(normalize({ ...pre, marketState: 'REGULAR', regularMarketTime: NOON })).toMatchObject([
      { price: 100, trades: 1 },
    ])
  })

  test('a poll that brings the last regular price and a later one brings both, in order', () => {
    const row = {
      ...{ marketState: 'POST', regularMarketTime: at('21:00:02'), regularMarketVolume: 5_900 },
      ...{ postMarketPrice: 101, postMarketTime: at('21:00:04') },
    }
    expect(normalize(row, SEEN)).toMatchObject([
      { price: 100, trades: 1, size: 5_000, id: at('21:00:02') * 1e6 },
      { price: 101, trades: 0, size: undefined, id: at('21:00:04') * 1e6 },
    ])
    expect(normalize(row, { ...SEEN, time: at('21:00:03') * 1_000 })).toMatchObject([{ price: 101 }])
  })

  test('the closing auction, some seconds after the session, closes its candles and opens none', () => {
    const row = { marketState: 'POST', regularMarketTime: at('21:00:02') }
    const [tick] = normalize(row, SEEN)
    expect(tick).toMatchObject({ id: at('21:00:02') * 1e6, time: at('21:00:00') * 1_000 - 1, trades: 1 })
    const inSession = normalize({ ...row, marketState: 'REGULAR' }, SEEN)
    expect(inSession).toMatchObject([{ time: at('21:00:02') * 1_000 }])
    const late = normalize({ ...row, exchangeDataDelayedBy: 15 }, SEEN)
    expect(late).toMatchObject([{ time: at('21:00:02') * 1_000 }])
  })

  test('a price of a session that is over is in no candle when the session was not seen: charts have it', () => {
    expect(normalize({ marketState: 'CLOSED', regularMarketTime: at('21:00:02') })).toMatchObject([{ trades: 0 }])
    const friday = { ...SEEN, day: DAY - 3 * 86_400_000 }
    expect(normalize({ marketState: 'CLOSED' }, friday)).toMatchObject([{ trades: 0 }])
  })

  test('a size is what the volume of one exchange day rose by, and unknown otherwise', () => {
    const size = (row: Row, before?: SeenQuote) =>
      normalize({ regularMarketTime: NOON + 20_000, ...row }, before)[0]?.size
    expect(size({ regularMarketVolume: 950 }, SEEN)).toBe(50)
    expect(size({ regularMarketVolume: 900 }, SEEN)).toBe(0)
    expect(size({ regularMarketVolume: 899 }, SEEN)).toBeUndefined()
    expect(size({ regularMarketVolume: null }, SEEN)).toBeUndefined()
    expect(size({ regularMarketVolume: 950 }, { ...SEEN, day: DAY - 86_400_000 })).toBeUndefined()
    expect(size({ regularMarketVolume: 950 })).toBeUndefined()
  })

  test('the exchange day is that of its zone, over a change of its clocks', () => {
    const day = (time: string, zone: string) =>
      readQuote(quoteRow('AAPL', { regularMarketTime: Date.parse(time) / 1_000, exchangeTimezoneName: zone })).day
    expect(day('2024-03-05T04:59:59Z', 'America/New_York')).toBe(Date.parse('2024-03-04T00:00:00Z'))
    expect(day('2024-03-12T03:59:59Z', 'America/New_York')).toBe(Date.parse('2024-03-11T00:00:00Z'))
    expect(day('2024-03-04T23:30:00Z', 'Asia/Tokyo')).toBe(Date.parse('2024-03-05T00:00:00Z'))
    expect(day('2024-03-04T23:30:00Z', 'Nowhere/Land')).toBe(Date.parse('2024-03-04T00:00:00Z'))
  })

  test('market states are passed through, whatever they are called; a night is closed', () => {
    const state = (marketState: unknown) => readQuote(quoteRow('AAPL', { marketState })).state?.market
    const names = ['PRE', 'REGULAR', 'POST', 'CLOSED', 'OVERNIGHT']
    expect(names.map(state)).toEqual(names)
    expect(['PREPRE', 'POSTPOST'].map(state)).toEqual(['CLOSED', 'CLOSED'])
    expect([undefined, null, 7, ''].map(state)).toEqual([undefined, undefined, undefined, undefined])
  })

  test('before the session, the close before is the last regular one, and the day has nothing yet', () => {
    const pre = { marketState: 'PRE', preMarketPrice: 98, preMarketTime: NOON, regularMarketTime: NOON - 60_000 }
    const { state } = readQuote(quoteRow('AAPL', { ...pre, exchangeDataDelayedBy: 15 }))
    const day = { previousClose: 100, high: undefined, low: undefined, volume: undefined }
    expect(state).toEqual({ market: 'PRE', delayMs: 900_000, day })
  })

  test.each<readonly [string, unknown]>([
    ['no price', quoteRow('AAPL', { regularMarketPrice: null })],
    ['no time', quoteRow('AAPL', { regularMarketTime: null })],
    ['neither', quoteRow('AAPL', { regularMarketPrice: undefined, regularMarketTime: undefined })],
    ['a null as the later price', quoteRow('AAPL', { postMarketTime: NOON + 60_000, postMarketPrice: null })],
    ['a price of nothing', quoteRow('AAPL', { regularMarketPrice: 0 })],
    ['a negative price', quoteRow('AAPL', { regularMarketPrice: -1 })],
    ['an endless price', quoteRow('AAPL', { regularMarketPrice: Number.POSITIVE_INFINITY })],
    ['a price in text', quoteRow('AAPL', { regularMarketPrice: '100' })],
    ['a formatted price', quoteRow('AAPL', { regularMarketPrice: { raw: 100, fmt: '100.00' } })],
    ['a time in text', quoteRow('AAPL', { regularMarketTime: '4:00PM EST' })],
    ['a time in ms', quoteRow('AAPL', { regularMarketTime: NOON * 1_000_000 })],
    ['a date that is none', quoteRow('AAPL', { regularMarketTime: new Date(Number.NaN) })],
    ['another symbol', quoteRow('MSFT')],
    ['no symbol', quoteRow('AAPL', { symbol: undefined })],
    ['no object', 'AAPL'],
    ['null', null],
  ])('with %s is refused', (_, row) => {
    const refused = expect.objectContaining({ code: 'feed_payload', decision: 'skip' })
    expect(() => normalizeQuote({ row, before: undefined }, 0, SYMBOLS)).toThrow(refused)
  })

  test('whatever else comes is refused', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.record({ row: fc.anything() })), (raw) => {
        expect(() => normalizeQuote(raw as never, 0, SYMBOLS)).toThrow(
          expect.objectContaining({ code: 'feed_payload' }),
        )
      }),
    )
  })
})

/** What Yahoo says, poll by poll: seconds since the last one, of a session that never ends. */
const polls = fc.array(
  fc.record({
    seconds: fc.constantFrom(0, 0, 1, 5, 3_600, 20_000),
    price: fc.constantFrom(100, 100.5, 101),
    volume: fc.constantFrom(0, 0, 10, 500),
    /** The poll is answered by a server that still has the answer before. */
    isBehind: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60 },
)

describe('polls in a row', () => {
  test('no tick without movement, none back in time, and sizes add up to the day', () => {
    fc.assert(
      fc.property(polls, (steps) => {
        const rows = rowsOf(steps)
        const ticks = sift(rows)
        const asSeen = ({ time, price }: Tick) => `${time} ${price}`
        ticks.forEach((tick, n) => {
          const last = ticks[n - 1]
          if (last === undefined) return
          expect(tick.time).toBeGreaterThanOrEqual(last.time)
          if (asSeen(tick) === asSeen(last)) expect(tick.size).toBeGreaterThan(0)
        })
        expect(ticks.at(-1)).toMatchObject({ price: rows.at(-1)!.regularMarketPrice })
        for (const [day, { first, last }] of volumesByDay(rows)) {
          const sizes = ticks.filter((tick) => dayOf(tick.time) === day).map(({ size }) => size)
          expect(sizes[0]).toBeUndefined()
          expect(sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)).toBe(last - first)
        }
      }),
    )
  })

  test('polls that are asked again and again say no more', () => {
    fc.assert(
      fc.property(polls, fc.integer({ min: 2, max: 4 }), (steps, times) => {
        const rows = rowsOf(steps)
        expect(sift(rows.flatMap((row) => Array.from({ length: times }, () => row)))).toEqual(sift(rows))
      }),
    )
  })
})

/** Session rows in the order of their making, some of them answered anew by a server that is one behind. */
function rowsOf(steps: typeof polls extends fc.Arbitrary<infer T> ? T : never): readonly Row[] {
  let [time, volume, day] = [NOON, 1_000, dayOf(NOON * 1_000)]
  const rows: Row[] = []
  for (const step of steps) {
    time += step.seconds
    const today = dayOf(time * 1_000)
    volume = (today === day ? volume : 0) + step.volume
    day = today
    const last = rows.at(-1)
    const row = quoteRow('AAPL', {
      ...{ regularMarketTime: time, regularMarketVolume: volume, marketState: 'REGULAR' },
      // A price without a new time or volume would be one of two servers'; which of them is right is not to be known.
      regularMarketPrice: step.seconds === 0 && step.volume === 0 && last ? last.regularMarketPrice : step.price,
    })
    rows.push(row)
    if (step.isBehind && last !== undefined) rows.push(last, row)
  }
  return rows
}

function sift(rows: readonly Row[]): readonly Tick[] {
  const seen = new SeenQuotes()
  return rows.flatMap((row) => {
    const { raw, quote } = seen.look('AAPL', row)
    const ticks = raw === undefined ? [] : normalizeQuote(raw, 0, SYMBOLS)
    if (quote !== undefined) seen.take(quote)
    return ticks
  })
}

function dayOf(time: number): number {
  return readQuote(quoteRow('AAPL', { regularMarketTime: time / 1_000 })).day!
}

function volumesByDay(rows: readonly Row[]) {
  const days = new Map<number, { first: number; last: number }>()
  for (const row of rows) {
    const volume = Number(row.regularMarketVolume)
    const day = dayOf(Number(row.regularMarketTime) * 1_000)
    const known = days.get(day) ?? { first: volume, last: volume }
    days.set(day, { first: known.first, last: Math.max(known.last, volume) })
  }
  return days
}
