import { z } from 'zod'
import type { Bench, BenchOptions } from './bench.ts'
import { startChild } from './child.ts'
import { canPin, MEASURED_CORE, OTHER_CORE, pinThread } from './cores.ts'
import { SOURCE, type Source, startGatewayUnderTest } from './gateway-under-test.ts'
import { type Row, type RowPlan, summarize } from './report.ts'
import { subscribe } from './subscriber.ts'

/** All that is sent to each side, and the part of it in which the compiler warms up. */
const TRADES = 1_000_000
const WARM_TRADES = 200_000
const SEED = 7

/** Below it others computed on the core, and the rate by the clock says more of them than of the gateway (%). */
const QUIET_SHARE = 90

const STRETCH = z.object({ trades: z.number(), seconds: z.number(), cpuSeconds: z.number() })
const STORED_STRETCH = STRETCH.extend({ storedPerSecond: z.number(), backlog: z.number() })

interface Run {
  readonly gateway: z.infer<typeof STORED_STRETCH>
  readonly control: z.infer<typeof STRETCH>
}

export const ingest: Bench = {
  description: "from the exchange's socket to memory and hub on one core, beside ws and JSON.parse alone",
  run,
}

async function run({ runs, say }: BenchOptions): Promise<readonly Row[]> {
  say(canPin() ? 'one core each for what is measured and for the rest' : 'NOT pinned: taskset and two cores are needed')
  pinThread(process.pid, OTHER_CORE)
  say(`recording ${TRADES} trades`)
  const tape = startChild('tape', { trades: TRADES, seed: SEED }, OTHER_CORE)
  try {
    const source = await tape.ask({ ask: 'where' }, SOURCE)
    const play = () => tape.ask({ ask: 'play' }, z.object({}))
    const measured: Run[] = []
    for (let n = 1; n <= runs; n++) {
      const gateway = await measureGateway(source, play)
      const control = await measureControl(source, play)
      measured.push({ gateway, control })
      say(`run ${n} of ${runs}: ${rate(gateway)} trades/s, control ${rate(control)}`)
      if (share(gateway) < QUIET_SHARE)
        say(`the machine is not quiet: ${share(gateway)} % of the core was there for it`)
    }
    return rows(measured)
  } finally {
    await tape.stop()
  }
}

async function measureGateway(source: Source, play: () => Promise<unknown>) {
  const gateway = await startGatewayUnderTest(source, {
    store: true,
    core: MEASURED_CORE,
    databaseCore: OTHER_CORE,
  })
  try {
    const subscriber = await subscribe(gateway.url, 'SOL', 'BTC')
    const stretch = gateway.child.ask({ ask: 'meter', warmTrades: WARM_TRADES, trades: TRADES }, STORED_STRETCH)
    await play()
    const measured = await stretch
    if (subscriber.ticks === 0) throw new Error('the subscriber must have received ticks, was 0')
    subscriber.close()
    return measured
  } finally {
    await gateway.stop()
  }
}

async function measureControl({ streamUrl, symbols }: Source, play: () => Promise<unknown>) {
  const streams = symbols.map((mapping) => `${mapping.split('=')[1]?.toLowerCase()}@aggTrade`)
  const receiver = startChild('receiver', { url: `${streamUrl}/stream?streams=${streams.join('/')}` }, MEASURED_CORE)
  try {
    await receiver.ask({ ask: 'ready' }, z.object({}))
    const stretch = receiver.ask({ ask: 'meter', warmTrades: WARM_TRADES, trades: TRADES }, STRETCH)
    await play()
    return await stretch
  } finally {
    await receiver.stop()
  }
}

function rows(runs: readonly Run[]): readonly Row[] {
  const row = (plan: RowPlan, value: (run: Run) => number, control?: (run: Run) => number) =>
    summarize(
      plan,
      runs.map((run) => ({ value: value(run), control: control?.(run) })),
    )
  const ingested: RowPlan = { name: 'socket to memory and hub', unit: 'trades/s', want: { of: 'ratio', least: 0.4 } }
  return [
    row(
      ingested,
      ({ gateway }) => rate(gateway),
      ({ control }) => rate(control),
    ),
    row(
      { name: 'the same per second of computing', unit: 'trades/s' },
      ({ gateway }) => gateway.trades / gateway.cpuSeconds,
      ({ control }) => control.trades / control.cpuSeconds,
    ),
    row(
      { name: 'share of the core', unit: '%' },
      ({ gateway }) => share(gateway),
      ({ control }) => share(control),
    ),
    row({ name: 'database writer', unit: 'rows/s' }, ({ gateway }) => gateway.storedPerSecond),
    row({ name: 'database backlog at the end', unit: 'rows' }, ({ gateway }) => gateway.backlog),
  ]
}

function rate({ trades, seconds }: z.infer<typeof STRETCH>): number {
  return Math.round(trades / seconds)
}

function share({ seconds, cpuSeconds }: z.infer<typeof STRETCH>): number {
  return Math.round((cpuSeconds / seconds) * 100)
}
