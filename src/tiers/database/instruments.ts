import { type Kysely, sql } from 'kysely'
import { type Instrument, type InstrumentAbout, streamName } from '../../market/instrument.ts'
import type { Cursor } from '../../market/tick.ts'
import type { Tables } from './schema.ts'

/** An instrument with its number in this database and the newest tick it has there. */
export interface RegisteredInstrument {
  readonly id: number
  readonly instrument: Instrument
  readonly newestId: Cursor | undefined
}

/** Rows in one statement: PostgreSQL takes 65,535 parameters, seven to a row. */
const CHUNK = 1_000

/** Makes the instruments known; of one that is known the stream and its number stay, the rest is brought up to date. */
export async function registerInstruments(
  database: Kysely<Tables>,
  instruments: readonly Instrument[],
): Promise<readonly RegisteredInstrument[]> {
  const byStream = new Map(instruments.map((instrument) => [streamName(instrument), instrument]))
  const distinct = [...byStream.values()]
  const registered: RegisteredInstrument[] = []
  for (let start = 0; start < distinct.length; start += CHUNK) {
    for (const { id, newest_id, source, source_symbol } of await upsert(
      database,
      distinct.slice(start, start + CHUNK),
    )) {
      const instrument = byStream.get(streamName({ source, sourceSymbol: source_symbol }))
      if (instrument) registered.push({ id, instrument, newestId: newest_id ?? undefined })
    }
  }
  return registered
}

function upsert(database: Kysely<Tables>, instruments: readonly Instrument[]) {
  return database
    .insertInto('instruments')
    .values(
      instruments.map((instrument) => ({
        asset_class: instrument.assetClass,
        symbol: instrument.symbol,
        source: instrument.source,
        source_symbol: instrument.sourceSymbol,
        price_digits: instrument.priceDigits,
        size_digits: instrument.sizeDigits,
        about: JSON.stringify(instrument.about ?? {}),
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['source', 'source_symbol']).doUpdateSet((query) => ({
        asset_class: query.ref('excluded.asset_class'),
        symbol: query.ref('excluded.symbol'),
        price_digits: query.ref('excluded.price_digits'),
        size_digits: query.ref('excluded.size_digits'),
        // Whoever knows nothing of it (a spool of an older version) takes nothing away.
        about: sql`case when excluded.about = '{}' then instruments.about else excluded.about end`,
      })),
    )
    .returning(['id', 'source', 'source_symbol'])
    .returning((query) =>
      query
        .selectFrom('ticks')
        .select('ticks.id')
        .whereRef('ticks.instrument_id', '=', 'instruments.id')
        .orderBy('ticks.id', 'desc')
        .limit(1)
        .as('newest_id'),
    )
    .execute()
}

export async function readInstruments(database: Kysely<Tables>): Promise<readonly Instrument[]> {
  const rows = await database.selectFrom('instruments').selectAll().orderBy('id').execute()
  return rows.map((row) => ({
    assetClass: row.asset_class,
    symbol: row.symbol,
    source: row.source,
    sourceSymbol: row.source_symbol,
    priceDigits: row.price_digits,
    sizeDigits: row.size_digits,
    ...aboutOf(row.about),
  }))
}

/** As it was registered: without, where the source said nothing. */
function aboutOf(stored: unknown): Pick<Instrument, 'about'> {
  const about = stored as InstrumentAbout
  return Object.keys(about).length === 0 ? {} : { about }
}
