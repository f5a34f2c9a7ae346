import type { Row } from './report.ts'

export interface BenchOptions {
  /** How often everything is measured, at least 3. */
  readonly runs: number
  /** Says what is going on, to people. */
  readonly say: (line: string) => void
}

/** One benchmark: a file in this folder and a line in run.ts. */
export interface Bench {
  /** What it shows, in one line. */
  readonly description: string
  run(options: BenchOptions): Promise<readonly Row[]>
}
