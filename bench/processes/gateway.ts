// The gateway as `serve` builds it, on the source that the benchmark names.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as elapse } from 'node:timers/promises'
import { createFeeds } from '../../feeds/index.ts'
import { createLog } from '../../src/base/log.ts'
import { loadConfig } from '../../src/config.ts'
import { type Gateway, startGateway } from '../../src/gateway.ts'
import { converse, readSetup } from './conversation.ts'
import { cpuSecondsOf, meterStretch, threads } from './meter.ts'

interface Setup {
  readonly env: Readonly<Record<string, string>>
  /** False: rows are thrown away where they would be queued for the database. */
  readonly store: boolean
}

const setup = readSetup<Setup>()
const config = loadConfig(setup.env)
const threadsBefore = new Set(threads())
const gateway = await startGateway({
  config,
  feeds: createFeeds(config).feeds,
  dashboardDirectory: '',
  log: createLog('error'),
})
const { memory, writer } = gateway
if (!setup.store) dropRows(gateway)
await gateway.ready
const began = position()
const databaseThread = config.databaseUrl ? undefined : busiestNewThread()

converse(
  {
    where: () => ({ url: gateway.url, databaseThread }),
    meter: async ({ warmTrades, trades }) => {
      const stretch = meterStretch(() => position() - began, warmTrades, trades, databaseThread)
      const before = { at: performance.now(), written: writer.stats.written }
      const metered = await stretch
      const storedPerSecond = ((writer.stats.written - before.written) / (performance.now() - before.at)) * 1_000
      return { ...metered, storedPerSecond, backlog: writer.backlog }
    },
    watch: async ({ ms }) => {
      const delay = monitorEventLoopDelay({ resolution: 1 })
      const before = { at: performance.now(), written: writer.stats.written, position: position() }
      delay.enable()
      await elapse(ms)
      delay.disable()
      const seconds = (performance.now() - before.at) / 1_000
      return {
        p99Ms: delay.percentile(99) / 1e6,
        maxMs: delay.max / 1e6,
        ticksPerSecond: (position() - before.position) / seconds,
        storedPerSecond: (writer.stats.written - before.written) / seconds,
        backlog: writer.backlog,
      }
    },
  },
  () => gateway.close(),
)

/** The sum of the streams' cursors. The ids are contiguous, so it grows by one with each trade in memory. */
function position(): number {
  let sum = 0
  for (const { cursor } of memory.streams()) sum += cursor ?? 0
  return sum
}

/** The database's, which has made the files of its directory by now. */
function busiestNewThread(): number | undefined {
  const made = threads().filter((thread) => !threadsBefore.has(thread))
  return made.toSorted((a, b) => (cpuSecondsOf(b) ?? 0) - (cpuSecondsOf(a) ?? 0))[0]
}

function dropRows({ writer, memory }: Gateway): void {
  writer.candle = () => {}
  writer.tick = ({ symbol }, { id }) => memory.stream(symbol)?.durable(id)
}
