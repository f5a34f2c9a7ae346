import { type Kysely, sql } from 'kysely'
import { TIMEFRAME_MS } from '../../market/timeframe.ts'
import { CANDLE_RETENTION, candlesKeptSince } from './candle-retention.ts'
import { type Tables, TIMEFRAME_CODES } from './schema.ts'

const DAY = TIMEFRAME_MS['1D']
/** Days before today that get a partition before a tick of theirs has come: refills and recordings reach that far. */
const PAST_DAYS = 2
const FUTURE_DAYS = 1
/** Any number that no other user of the database's advisory locks takes: 'tkgt'. */
const MAINTENANCE_LOCK = 0x746b6774

/**
 * Makes the partitions of the days about `now` (Unix ms) and of the days that have rows in the default partition,
 * moving those rows; drops what is older than `retentionDays`, and old short candles. May run beside writers and
 * beside itself in another process.
 */
export async function maintainPartitions(database: Kysely<Tables>, now: number, retentionDays: number): Promise<void> {
  const today = Math.floor(now / DAY) * DAY
  const oldest = today - retentionDays * DAY
  const newest = today + FUTURE_DAYS * DAY
  const there = await partitionDays(database)

  for (const day of there) if (day < oldest) await dropPartition(database, day)
  await database.deleteFrom('ticks_default').where('ts', '<', new Date(oldest)).execute()

  const wanted = new Set(await strayDays(database, newest + DAY))
  for (let day = Math.max(oldest, today - PAST_DAYS * DAY); day <= newest; day += DAY) wanted.add(day)
  for (const day of wanted) if (!there.includes(day)) await createPartition(database, day)

  for (const { timeframe } of CANDLE_RETENTION) {
    await database
      .deleteFrom('candles')
      .where('timeframe', '=', TIMEFRAME_CODES[timeframe])
      .where('open_time', '<', new Date(candlesKeptSince(timeframe, now)))
      .execute()
  }
}

/** The first milliseconds of the days that have a partition. */
async function partitionDays(database: Kysely<Tables>): Promise<readonly number[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'ticks'::regclass`.execute(database)
  return rows.flatMap(({ name }) => {
    const [, year, month, date] = /^ticks_(\d{4})(\d\d)(\d\d)$/.exec(name) ?? []
    return date === undefined ? [] : [Date.UTC(Number(year), Number(month) - 1, Number(date))]
  })
}

/** The days before `end` that have rows without a partition. */
async function strayDays(database: Kysely<Tables>, end: number): Promise<readonly number[]> {
  const rows = await database
    .selectFrom('ticks_default')
    .select(sql<number>`floor(date_part('epoch', ts) / 86400) * 86400000`.as('day'))
    .where('ts', '<', new Date(end))
    .distinct()
    .execute()
  return rows.map(({ day }) => day)
}

/**
 * Made apart and then attached: unlike CREATE .. PARTITION OF this does not wait for writers of other days, and the
 * default partition's rows of the day can move first, without which PostgreSQL refuses the new partition.
 */
function createPartition(database: Kysely<Tables>, day: number): Promise<void> {
  const name = sql.table(partitionName(day))
  const from = sql.lit(new Date(day).toISOString())
  const to = sql.lit(new Date(day + DAY).toISOString())
  return alone(database, async (transaction) => {
    if ((await partitionDays(transaction)).includes(day)) return
    await sql`lock table ticks_default in access exclusive mode`.execute(transaction)
    await sql`create table ${name} (like ticks including all)`.execute(transaction)
    await sql`
      with moved as (delete from ticks_default where ts >= ${from} and ts < ${to} returning *)
      insert into ${name} select * from moved`.execute(transaction)
    await sql`alter table ticks attach partition ${name} for values from (${from}) to (${to})`.execute(transaction)
  })
}

function dropPartition(database: Kysely<Tables>, day: number): Promise<void> {
  return alone(database, async (transaction) => {
    await transaction.schema.dropTable(partitionName(day)).ifExists().execute()
  })
}

/** One maintainer at a time, whatever process it is in. */
function alone(database: Kysely<Tables>, work: (transaction: Kysely<Tables>) => Promise<void>): Promise<void> {
  return database.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(MAINTENANCE_LOCK)})`.execute(transaction)
    await work(transaction)
  })
}

function partitionName(day: number): string {
  return `ticks_${new Date(day).toISOString().slice(0, 10).replaceAll('-', '')}`
}
