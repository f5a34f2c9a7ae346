import type { BenchOptions } from '../bench.ts'
import { type Row, type RowPlan, summarize } from '../report.ts'

/** The servers that the tiers are measured on. Undefined: there is none, and what needs it is not measured. */
export interface Servers {
  readonly databaseUrl: string | undefined
  readonly redisUrl: string | undefined
}

export interface PartOptions extends BenchOptions {
  readonly servers: Servers
}

/** Some rows of the report, which are measured together. */
export type Part = (options: PartOptions) => Promise<readonly Row[]>

/** A row of one figure of each run, beside the control's of the same run. */
export function rowOf<Run>(
  plan: RowPlan,
  runs: readonly Run[],
  value: (run: Run) => number,
  control?: (run: Run) => number,
): Row {
  return summarize(
    plan,
    runs.map((run) => ({ value: value(run), control: control?.(run) })),
  )
}

/** A rate as people read it. */
export function perSecond(rate: number): string {
  return rate >= 1e6 ? `${(rate / 1e6).toFixed(1)}M/s` : `${Math.round(rate / 1_000)}k/s`
}

/** A delay that is to be below the one that the cache design gives its tier. */
export function beside(name: string): RowPlan {
  return { name: `${name}, beside the design's`, unit: 'ms', want: { of: 'ratio', most: 1 } }
}
