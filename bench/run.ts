import { parseArgs } from 'node:util'
import { backfill } from './backfill.ts'
import type { Bench } from './bench.ts'
import { build } from './build.ts'
import { embedded } from './embedded.ts'
import { ingest } from './ingest.ts'
import { createReport, formatTable } from './report.ts'
import { resume } from './resume.ts'
import { tiers } from './tiers.ts'

const BENCHES: Readonly<Record<string, Bench>> = { ingest, embedded, resume, backfill, tiers }

const LEAST_RUNS = 3

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, runs: { type: 'string', default: String(LEAST_RUNS) } },
})
const [name = ''] = positionals
const runs = Number(values.runs)
const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined

if (bench === undefined || positionals.length !== 1) {
  console.error(usage())
  process.exitCode = 2
} else if (!Number.isInteger(runs) || runs < LEAST_RUNS) {
  console.error(`--runs must be a whole number of at least ${LEAST_RUNS}, was '${values.runs}'`)
  process.exitCode = 2
} else {
  await measure(name, bench)
}

/** By way of `exit`, on which processes are killed and directories removed. */
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

async function measure(name: string, bench: Bench): Promise<void> {
  build()
  const report = createReport(name, await bench.run({ runs, say: (line) => console.error(line) }))
  console.log(formatTable(report))
  if (values.json) console.log(JSON.stringify(report))
  process.exitCode = report.ok ? 0 : 1
}

function usage(): string {
  const lines = Object.entries(BENCHES).map(([name, { description }]) => `  ${name.padEnd(10)}${description}`)
  return ['usage: npm run bench -- NAME [--json] [--runs N]', '', ...lines].join('\n')
}
