import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Instrument } from '../../../src/market/instrument.ts'
import type { Update } from '../../../src/market/tick.ts'
import type { SqlDatabase } from '../../../src/tiers/database/sql-database.ts'
import { ticks } from '../fixtures.ts'
import { GDP_NOW, observed, series } from '../observations.ts'

let count = 0

/** What every database must know of the values of series. */
export function describeObservations(database: () => SqlDatabase): void {
  describe('values of series', () => describeSeries(database))
}

function describeSeries(database: () => SqlDatabase): void {
  let gdp: Instrument
  beforeEach(async () => {
    count += 1
    gdp = series('GDP', `GDP${count}`)
    await database().register([gdp])
  })

  it('gives an observation back as the tick that it was, be it without a value', async () => {
    const rows = [
      observed(1, '1776-07-04', '1991-12-04', { price: 0.1 + 0.2 }),
      observed(2, '2024-01-01', '2024-04-25', { price: undefined, backfilled: true }),
      observed(2 ** 53 - 1, '9999-12-31', '9999-12-31', { price: -5e-324 }),
    ]
    await database().write(ticks(gdp, ...rows))
    const linked = rows.map((row, index) => ({ ...row, prev: rows[index - 1]?.id ?? null }))
    expect(await database().ticksAfter(gdp, 0, 10)).toEqual(linked)
    expect(await database().ticksAfter(gdp, 1, 1)).toEqual(linked.slice(1, 2))
    expect(await database().ticksBefore(gdp, undefined, 2)).toEqual(linked.slice(1))
    expect(await database().ticksBefore(gdp, 2, 10)).toEqual(linked.slice(0, 1))
  })

  it('answers what was known on a day: of each period the newest vintage up to then', async () => {
    await database().write(
      ticks(
        gdp,
        observed(1, '2023-10-01', '2024-01-25', { price: 27938.8 }),
        observed(2, '2023-10-01', '2024-02-28', { price: 27944.6 }),
        observed(3, '2024-01-01', '2024-04-25', { price: undefined }),
        observed(4, '2023-10-01', '2024-04-25', { price: 27957 }),
      ),
    )
    const asOf = async (day?: string) =>
      (await database().observations(gdp, day)).map(({ period, vintage, value }) => [period, vintage, value])
    expect(await asOf('2024-01-24')).toEqual([])
    expect(await asOf('2024-02-01')).toEqual([['2023-10-01', '2024-01-25', 27938.8]])
    expect(await asOf('2024-02-28')).toEqual([['2023-10-01', '2024-02-28', 27944.6]])
    expect(await asOf('2024-12-31')).toEqual([
      ['2023-10-01', '2024-04-25', 27957],
      ['2024-01-01', '2024-04-25', undefined],
    ])
    expect(await asOf()).toHaveLength(4)
  })

  it('answers so for whatever was published, in whatever order it was stored', async () => {
    const day = fc.integer({ min: 0, max: 20 }).map((offset) => new Date(GDP_NOW + offset * 86_400_000))
    const text = (date: Date) => date.toISOString().slice(0, 10)
    const value = fc.option(fc.integer({ min: -9, max: 9 }), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(day, day, value), { maxLength: 30 }), day, async (published, asked) => {
        count += 1
        const own = series('GDP', `GDP${count}`)
        await database().register([own])
        const rows = published.map(([period, vintage, price], id) =>
          observed(id, text(period), text(vintage), { price }),
        )
        await database().write(ticks(own, ...rows.toReversed()))
        const newest = new Map<string, (typeof rows)[number]>()
        for (const row of rows.toSorted((a, b) => a.vintage!.localeCompare(b.vintage!) || a.id - b.id)) {
          if (row.vintage! <= text(asked)) newest.set(row.period!, row)
        }
        const expected = [...newest.values()].toSorted((a, b) => a.period!.localeCompare(b.period!))
        const read = await database().observations(own, text(asked))
        expect(read.map(({ id }) => id)).toEqual(expected.map(({ id }) => id))
        expect(read.map((each) => each.value)).toEqual(expected.map(({ price }) => price))
      }),
      { numRuns: 15 },
    )
  })

  it('finds the first that was known at a time or later', async () => {
    const rows = [10, 20, 30].map((id) => observed(id, '2024-01-01', '2024-04-25', { time: GDP_NOW + id }))
    await database().write(ticks(gdp, ...rows))
    expect(await database().idFrom(gdp, 0)).toBe(10)
    expect(await database().idFrom(gdp, GDP_NOW + 11)).toBe(20)
    expect(await database().idFrom(gdp, GDP_NOW + 31)).toBeUndefined()
  })

  it('keeps the first content of an id, and stores a batch without the rows that no calendar has', async () => {
    await database().write(ticks(gdp, observed(1, '2024-01-01', '2024-04-25', { price: 1 })))
    const bad = [
      observed(3, '2024-02-30', '2024-04-25'),
      observed(4, '2024-01-01', 'yesterday'),
      observed(5, '2024-01-01', '2024-04-25', { price: Number.POSITIVE_INFINITY }),
    ]
    const other = observed(1, '2024-01-01', '2024-04-25', { price: 2 })
    const rows = ticks(gdp, other, ...bad, observed(6, '2024-04-01', '2024-07-25'))
    const refused: Update[] = []
    const writing = database().write({ ...rows, onRefused: (update) => refused.push(update) })
    await writing.catch(({ code }) => expect(code).toBe('row_refused'))
    expect(refused.toSorted((a, b) => a.id - b.id)).toEqual([other, ...bad])
    const stored = await database().ticksAfter(gdp, 0, 10)
    expect(stored.map(({ id, price }) => [id, price])).toEqual([
      [1, 1],
      [6, 6],
    ])
  })

  it('keeps what a source says of an instrument, also over a registration that knows nothing of it', async () => {
    const about = { title: 'Gross Domestic Product', frequency: 'Quarterly', units: 'Billions of Dollars' }
    await database().register([{ ...gdp, about }])
    await database().register([gdp])
    const found = (await database().instruments()).find(({ sourceSymbol }) => sourceSymbol === gdp.sourceSymbol)
    expect(found).toEqual({ ...gdp, about })
  })
}
