import { type Kysely, sql } from 'kysely'

/**
 * The first tables. `ticks` is partitioned by day so that retention drops a table instead of deleting rows; PostgreSQL
 * wants the partition key in every unique key, hence `ts` in the primary key, last: reads go by (instrument_id, id).
 */
export async function up(database: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(database)
}

const STATEMENTS = [
  `create table instruments (
    id int generated always as identity primary key,
    asset_class text not null,
    symbol text not null,
    source text not null,
    source_symbol text not null,
    price_digits smallint not null,
    size_digits smallint not null,
    unique (source, source_symbol)
  )`,
  `create table ticks (
    instrument_id int not null,
    id bigint not null,
    ts timestamptz not null,
    price double precision not null,
    size double precision,
    side smallint,
    trades int not null,
    received timestamptz not null,
    backfilled boolean not null,
    primary key (instrument_id, id, ts)
  ) partition by range (ts)`,
  // Odd and late times must never fail a batch: what has no day of its own waits here for maintenance to move it.
  `create table ticks_default partition of ticks default`,
  // The open candles are updated again and again: room in each page keeps those updates out of the index (HOT).
  `create table candles (
    instrument_id int not null,
    timeframe smallint not null,
    open_time timestamptz not null,
    open double precision not null,
    high double precision not null,
    low double precision not null,
    close double precision not null,
    volume double precision not null,
    quote_volume double precision not null,
    buy_volume double precision not null,
    trades bigint not null,
    first_id bigint,
    last_id bigint,
    final boolean not null,
    revision bigint not null,
    primary key (instrument_id, timeframe, open_time)
  ) with (fillfactor = 70)`,
  `create table gaps (
    instrument_id int not null,
    from_id bigint not null,
    to_id bigint not null,
    status text not null check (status in ('open', 'filled', 'unfillable')),
    reason text,
    noticed_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (instrument_id, from_id)
  )`,
]
