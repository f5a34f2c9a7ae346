import { type Kysely, sql } from 'kysely'

/**
 * The values of series, each as it was published on a day. They are ticks too, few and for ever: no partitions. And what
 * a source says of an instrument beside its symbol.
 */
export async function up(database: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(database)
}

const STATEMENTS = [
  `create table observations (
    instrument_id int not null,
    id bigint not null,
    period date not null,
    vintage date not null,
    value double precision,
    known_at timestamptz not null,
    received timestamptz not null,
    backfilled boolean not null,
    primary key (instrument_id, id)
  )`,
  // As of a day: of each period the newest vintage up to then.
  `create index observations_by_period on observations (instrument_id, period, vintage, id)`,
  `alter table instruments add column about jsonb not null default '{}'`,
]
