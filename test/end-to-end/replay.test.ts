import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { startBinanceSimulator } from '../../src/simulate/binance.ts'
import { Program } from '../fakes/program.ts'
import { freePort } from '../servers/launch.ts'

const open: (() => unknown)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

function start(words: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
  const program = new Program(words, env)
  open.push(() => program.kill())
  return program
}

const ticksOf = ({
  lines,
}: Program): readonly { readonly id: number; readonly prev: number; readonly time: number }[] =>
  lines.map((line) => JSON.parse(line))
const idsOf = (program: Program) => ticksOf(program).map(({ id }) => id)

it('tail --from replays what the gateway stored, also through a kill -9 of it, goes on live, and ends at --to', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tickgate replay '))
  open.push(() => rm(directory, { recursive: true, force: true }))
  const simulator = await startBinanceSimulator({ rate: 200, seed: 3 })
  open.push(() => simulator.close())
  const port = String(await freePort())
  const url = `http://127.0.0.1:${port}`
  const env = {
    ...{ PORT: port, DATA_DIR: join(directory, 'data'), CRYPTO_SYMBOLS: 'BTC', STOCK_SYMBOLS: '', MACRO_SERIES: '' },
    ...{ BINANCE_STREAM_URL: simulator.streamUrl, BINANCE_REST_URL: simulator.restUrl, LOG_LEVEL: 'warn' },
  }
  const market = simulator.markets.get('BTCUSDT')!
  const idsBetween = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, n) => first + n)

  const gateway = start(['serve'], env)
  const live = start(['tail', 'BTC', '--url', url])
  await live.until(({ lines }) => lines.length >= 500, 30_000)
  const from = ticksOf(live)[50]!.time
  const first = market.idAt(from)

  const replay = start(['tail', 'BTC', '--url', url, '--from', String(from), '--speed', '3'])
  await replay.until(({ lines }) => lines.length >= 100)
  await gateway.kill('SIGKILL')
  start(['serve'], env)
  const newest = market.nextId(Date.now())
  await replay.until((program) => idsOf(program).at(-1)! > newest, 30_000)
  expect(idsOf(replay)).toEqual(idsBetween(first, idsOf(replay).at(-1)!))

  const to = new Date(ticksOf(replay)[300]!.time).toISOString()
  const part = start(['tail', 'BTC', '--url', url, '--from', String(from), '--to', to, '--speed', 'max'])
  expect(await part.ended).toBe(0)
  expect(idsOf(part)).toEqual(idsBetween(first, market.idAt(Date.parse(to) + 1) - 1))
}, 90_000)
