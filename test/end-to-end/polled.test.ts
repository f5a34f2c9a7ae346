import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { startFredSimulator } from '../../src/simulate/fred.ts'
import { startYahooSimulator } from '../../src/simulate/yahoo.ts'
import { Program } from '../fakes/program.ts'
import { describeWithProgram } from '../servers/describe.ts'
import { freePort } from '../servers/launch.ts'
import { postgresqlBinaries, startPostgresql } from '../servers/postgresql.ts'

const open: (() => unknown)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

/** A Wednesday, an hour after the exchange has opened. */
const IN_SESSION = Date.UTC(2026, 10, 18, 15, 30)

interface Row {
  readonly id: number
  readonly prev: number | null
  readonly price: number | null
  readonly backfilled?: boolean
}

/** A gateway on Yahoo and FRED, and two who follow what it says. */
async function start(databaseUrl?: string) {
  const yahoo = await startYahooSimulator({ start: IN_SESSION, speed: 20, printsPerMinute: 60 })
  open.push(() => yahoo.close())
  const fred = await startFredSimulator({ start: IN_SESSION, speed: 86_400 })
  open.push(() => fred.close())
  const directory = await mkdtemp(join(tmpdir(), 'tickgate polled '))
  open.push(() => rm(directory, { recursive: true, force: true }))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = {
    ...{ PORT: String(port), DATA_DIR: directory, LOG_LEVEL: 'info', CRYPTO_SYMBOLS: '' },
    ...{ STOCK_SYMBOLS: 'NVDA', YAHOO_URL: yahoo.url, YAHOO_POLL_MS: '200' },
    ...{ MACRO_SERIES: 'DGS10', FRED_URL: fred.url, FRED_API_KEY: fred.apiKey, FRED_POLL_MS: '200' },
    ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
  }
  const run = async () => {
    const gateway = new Program(['serve'], env)
    open.push(() => gateway.kill())
    await gateway.until(({ err }) => err.includes('"msg":"ready"'), 60_000)
    return gateway
  }
  const follow = (symbol: string) => {
    const tail = new Program(['tail', symbol, '--url', url])
    open.push(() => tail.kill())
    const rows = (): readonly Row[] => tail.lines.map((line) => JSON.parse(line))
    /** Resolves when so many more ticks have come. */
    const more = (count: number) => {
      const before = tail.lines.length
      return tail.until(({ lines }) => lines.length >= before + count, 120_000)
    }
    return { rows, more }
  }
  const ticks = async (symbol: string, after: number): Promise<readonly Row[]> => {
    const rows: Row[] = []
    for (;;) {
      const response = await fetch(`${url}/api/v1/ticks/${symbol}?after=${rows.at(-1)?.id ?? after}&limit=1000`)
      expect(response.status).toBe(200)
      const page = ((await response.json()) as { readonly ticks: readonly Row[] }).ticks
      rows.push(...page)
      if (page.length === 0) return rows
    }
  }
  return { run, follow, ticks, yahoo, fred }
}

/** What was followed is what is stored: each tick once, in order, linked, none left out. */
function expectOne(followed: readonly Row[], stored: readonly Row[]): void {
  expect(followed.length).toBeGreaterThan(0)
  const last = followed.at(-1)!.id
  const brief = ({ id, price }: Row) => `${id} ${price}`
  expect(followed.map(brief)).toEqual(stored.filter(({ id }) => id <= last).map(brief))
  for (const [index, { prev }] of followed.entries()) if (index > 0) expect(prev).toBe(followed[index - 1]!.id)
}

describe('stocks and series through a gateway that is killed', () => {
  it('come as one stream each, on the embedded database', { timeout: 180_000 }, async () => {
    const { run, follow, ticks } = await start()
    const first = await run()
    const [stock, series] = [follow('NVDA'), follow('DGS10')]
    await Promise.all([stock.more(5), series.more(1)])
    await first.kill('SIGKILL')
    await run()
    await Promise.all([stock.more(5), series.more(1)])
    for (const [symbol, { rows }] of [
      ['NVDA', stock],
      ['DGS10', series],
    ] as const) {
      const followed = rows()
      expectOne(followed, await ticks(symbol, followed[0]!.id - 1))
    }
  })
})

describeWithProgram('stocks and series whose PostgreSQL goes away', postgresqlBinaries(process.env), (binaries) => {
  it('come as one stream each, through kills in the dark', { timeout: 240_000 }, async () => {
    const postgresql = await startPostgresql(binaries)
    open.push(() => postgresql.stop())
    const { run, follow, ticks } = await start(postgresql.url)
    const first = await run()
    const [stock, series] = [follow('NVDA'), follow('DGS10')]
    await Promise.all([stock.more(5), series.more(1)])
    await postgresql.halt('SIGQUIT')
    await Promise.all([stock.more(5), series.more(1)])
    await first.kill('SIGKILL')
    const second = await run()
    await stock.more(5)
    await postgresql.revive()
    await Promise.all([stock.more(5), series.more(1)])
    await second.kill('SIGKILL')
    await run()
    await Promise.all([stock.more(5), series.more(1)])
    for (const [symbol, { rows }] of [
      ['NVDA', stock],
      ['DGS10', series],
    ] as const) {
      const followed = rows()
      expectOne(followed, await ticks(symbol, followed[0]!.id - 1))
    }
  })
})
