import { z } from 'zod'
import type { Bench, BenchOptions } from './bench.ts'
import { startChild } from './child.ts'
import { SOURCE, type Source, startGatewayUnderTest } from './gateway-under-test.ts'
import { type Row, type RowPlan, summarize } from './report.ts'
import { subscribe } from './subscriber.ts'

const TICKS_PER_SECOND = 5_000
const WARM_MS = 2_000
const WATCH_MS = 8_000
const SEED = 7

const WATCHED = z.object({
  p99Ms: z.number(),
  maxMs: z.number(),
  ticksPerSecond: z.number(),
  storedPerSecond: z.number(),
  backlog: z.number(),
})
type Watched = z.infer<typeof WATCHED>

interface Run {
  readonly storing: Watched
  readonly control: Watched
}

export const embedded: Bench = {
  description: "the delay of the gateway's event loop while 5,000 ticks a second are stored, beside none stored",
  run,
}

async function run({ runs, say }: BenchOptions): Promise<readonly Row[]> {
  const measured: Run[] = []
  for (let n = 1; n <= runs; n++) {
    const storing = await watch(true)
    const control = await watch(false)
    measured.push({ storing, control })
    say(`run ${n} of ${runs}: p99 ${storing.p99Ms.toFixed(1)} ms, control ${control.p99Ms.toFixed(1)} ms`)
  }
  const row = (plan: RowPlan, pick: (watched: Watched) => number) =>
    summarize(
      plan,
      measured.map(({ storing, control }) => ({ value: pick(storing), control: pick(control) })),
    )
  const alone = (plan: RowPlan, pick: (watched: Watched) => number) =>
    summarize(
      plan,
      measured.map(({ storing }) => ({ value: pick(storing) })),
    )
  return [
    row({ name: 'event loop delay, p99', unit: 'ms', want: { of: 'value', most: 20 } }, ({ p99Ms }) => p99Ms),
    row({ name: 'event loop delay, longest', unit: 'ms' }, ({ maxMs }) => maxMs),
    row({ name: 'ticks taken', unit: 'ticks/s' }, ({ ticksPerSecond }) => ticksPerSecond),
    alone(
      { name: 'database writer', unit: 'rows/s', want: { of: 'value', least: 0.95 * TICKS_PER_SECOND } },
      (it) => it.storedPerSecond,
    ),
    alone({ name: 'database backlog at the end', unit: 'rows' }, ({ backlog }) => backlog),
  ]
}

async function watch(store: boolean): Promise<Watched> {
  const simulator = startChild('simulator', { rate: TICKS_PER_SECOND, seed: SEED })
  try {
    const source: Source = await simulator.ask({ ask: 'where' }, SOURCE)
    const gateway = await startGatewayUnderTest(source, { store })
    try {
      const subscriber = await subscribe(gateway.url, 'SOL', 'BTC')
      await gateway.child.ask({ ask: 'watch', ms: WARM_MS }, WATCHED)
      const watched = await gateway.child.ask({ ask: 'watch', ms: WATCH_MS }, WATCHED)
      subscriber.close()
      return watched
    } finally {
      await gateway.stop()
    }
  } finally {
    await simulator.stop()
  }
}
