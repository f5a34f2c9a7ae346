// npm run test:faults -- --seed 7            one schedule, with its diary
// npm run test:faults -- --seed 7 --shrink   the fewest of its faults that still fail
// npm run test:soak                          10,000 schedules
// npm run test:faults -- --kind kills        others, of the program in dist: kills, outages, dark
import { parseArgs } from 'node:util'
import { postgresqlBinaries, runningPostgresql, startPostgresql } from '../servers/postgresql.ts'
import { newDatabasePrefix } from '../servers/test-databases.ts'
import { describeFailure } from './outcome.ts'
import { runSchedule } from './run-schedule.ts'
import { describeSchedule, scheduleOf } from './schedule.ts'
import { shrink } from './shrink.ts'
import { SOAK_KINDS, type SoakKind } from './soak-kinds.ts'
import { Stores } from './stores.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    shrink: { type: 'boolean', default: false },
    first: { type: 'string', default: process.env.FAULTS_FIRST ?? '1' },
    count: { type: 'string', default: process.env.FAULTS_COUNT ?? '180' },
    parallel: { type: 'string', default: process.env.FAULTS_PARALLEL ?? '6' },
    minutes: { type: 'string', default: process.env.FAULTS_MINUTES ?? 'Infinity' },
    kind: { type: 'string' },
    ticksOnly: { type: 'boolean', default: false },
  },
})

const DIARY_LINES = 400
const TOLD_EVERY = 50
const judged = { candles: !values.ticksOnly }
const say = (text: string) => process.stdout.write(`${text}\n`)

async function runOne(seed: number, stores: Stores): Promise<number> {
  const schedule = scheduleOf(seed)
  const run = (each: typeof schedule) => stores.lend((store) => runSchedule(each, store, judged))
  const outcome = await run(schedule)
  if (outcome.failures.length === 0) {
    say(`${describeSchedule(schedule)}\n${outcome.report.last(DIARY_LINES)}\nwell, in ${Math.round(outcome.ms)} ms`)
    return 0
  }
  say(describeFailure(schedule, outcome))
  if (values.shrink) {
    const least = await shrink(schedule, async (each) => (await run(each)).failures.length > 0)
    say(`with fewer faults it still fails:\n${describeFailure(least, await run(least))}`)
  }
  return 1
}

type Play = SoakKind['play']

/** Runs seeds from the first on, until there are enough of them or the time is over. Returns how many failed. */
async function runMany(first: number, count: number, parallel: number, play: Play): Promise<number> {
  const deadline = performance.now() + Number(values.minutes) * 60_000
  let [next, done, failed] = [first, 0, 0]
  const work = async () => {
    while (next < first + count && performance.now() < deadline) {
      const { schedule, more, outcome } = await play(next++)
      done += 1
      if (outcome.failures.length > 0) {
        failed += 1
        say(`SEED ${schedule.seed} FAILED\n${more}\n${describeFailure(schedule, outcome)}\n`)
      }
      if (done % TOLD_EVERY === 0)
        say(`${done} schedules, ${failed} failed, ${Math.round(performance.now() / 1_000)} s`)
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
  say(`${done} schedules from seed ${first}, ${failed} failed, ${Math.round(performance.now() / 1_000)} s`)
  return failed
}

async function runKind(name: string | undefined, first: number, count: number, stores: Stores): Promise<number> {
  const parallel = Number(values.parallel)
  if (name === undefined) {
    return runMany(first, count, parallel, async (seed) => {
      const schedule = scheduleOf(seed)
      return { schedule, more: '', outcome: await stores.lend((store) => runSchedule(schedule, store, judged)) }
    })
  }
  if (!(name in SOAK_KINDS)) throw new Error(`--kind must be one of ${Object.keys(SOAK_KINDS)}, was ${name}`)
  const kind = await SOAK_KINDS[name as keyof typeof SOAK_KINDS](judged, stores)
  try {
    return await runMany(first, count, kind.isParallel ? parallel : 1, kind.play)
  } finally {
    await kind.end()
  }
}

async function main(): Promise<void> {
  const running = await runningPostgresql(process.env)
  const binaries = postgresqlBinaries(process.env)
  const own = running === undefined && binaries ? await startPostgresql(binaries) : undefined
  const adminUrl = running ?? own?.url
  if (adminUrl === undefined) throw new Error('the schedules need a PostgreSQL: set DATABASE_URL, or install it')
  const stores = new Stores(adminUrl, newDatabasePrefix())
  try {
    const { seed, kind, first, count } = values
    const isOne = seed !== undefined && kind === undefined
    const failed = isOne
      ? await runOne(Number(seed), stores)
      : await runKind(kind, Number(seed ?? first), seed === undefined ? Number(count) : 1, stores)
    process.exitCode = failed > 0 ? 1 : 0
  } finally {
    await stores.drop()
    await own?.stop()
  }
}

await main()
