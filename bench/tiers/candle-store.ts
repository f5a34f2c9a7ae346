import { openDatabase } from '../../src/tiers/database/open-database.ts'
import { TIMEFRAME_CODES } from '../../src/tiers/database/schema.ts'
import { runStatements } from '../../test/servers/postgresql.ts'
import { madeInstruments } from '../processes/made-rows.ts'

/** Ten million candles, kept from one benchmark to the next: to make them takes a minute. */
export const STORED_SYMBOLS = 200
const MINUTES = 50_000
const NAME = 'tickgate_bench_candles'
const LOAD_WITHIN_MS = 600_000

export interface CandleStore {
  readonly url: string
  /** Removes what was written since. */
  clean(): Promise<void>
}

/** The kept database, made anew unless it holds what it should. */
export async function openCandleStore(serverUrl: string, say: (line: string) => void): Promise<CandleStore> {
  const own = new URL(serverUrl)
  own.pathname = `/${NAME}`
  const url = own.href
  const [there] = await runStatements(serverUrl, [`select 1 from pg_database where datname = '${NAME}'`])
  if (there === undefined || !(await isWhole(url))) {
    const started = performance.now()
    say(`making ${STORED_SYMBOLS * MINUTES} candles in the database ${NAME}, which is kept`)
    await runStatements(serverUrl, [`drop database if exists ${NAME} with (force)`, `create database ${NAME}`])
    await load(url)
    say(`made in ${Math.round((performance.now() - started) / 1_000)} s`)
  }
  const clean = async () => {
    const written = `select id from instruments where source <> 'binance'`
    await runStatements(
      url,
      ['truncate ticks', `delete from candles where instrument_id in (${written})`],
      LOAD_WITHIN_MS,
    )
  }
  await clean()
  return { url, clean }
}

async function isWhole(url: string): Promise<boolean> {
  const count = `select count(*)::int as candles from candles`
  const rows = await runStatements(url, [count], LOAD_WITHIN_MS).catch(() => [])
  // A load that was cut off, or the tables of another version: made anew.
  return rows[0]?.candles === STORED_SYMBOLS * MINUTES
}

/** In the order of their times, as a gateway stores them: the candles of one instrument are far apart. */
async function load(url: string): Promise<void> {
  const database = await openDatabase({ databaseUrl: url })
  await database.register(madeInstruments(STORED_SYMBOLS))
  await database.close()
  await runStatements(
    url,
    [
      'alter table candles drop constraint candles_pkey',
      `insert into candles
       select 1 + n % ${STORED_SYMBOLS}, ${TIMEFRAME_CODES['1m']}, date_trunc('hour', now()) - minute * interval '1 minute',
         97000 + n % 100, 97001 + n % 100, 96999 + n % 100, 97000.5 + n % 100, 12.34567 + n % 10, 1200000.5 + n,
         6.1 + n % 5, 40 + n % 7, 3000000000 - minute * 50::bigint, 3000000049 - minute * 50::bigint, true, 0
       from generate_series(0, ${STORED_SYMBOLS * MINUTES - 1}) as n
       cross join lateral (select ${MINUTES} - n / ${STORED_SYMBOLS} as minute) as at`,
      'alter table candles add primary key (instrument_id, timeframe, open_time)',
      'vacuum analyze candles',
    ],
    LOAD_WITHIN_MS,
  )
}
