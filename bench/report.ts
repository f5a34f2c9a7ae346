/** What a row measures, and what is wanted of it. */
export interface RowPlan {
  readonly name: string
  readonly unit: string
  /** Judged by its median. Without it the row only tells. */
  readonly want?:
    | { readonly of: 'ratio' | 'value'; readonly least: number }
    | { readonly of: 'ratio' | 'value'; readonly most: number }
}

/** One run of one row: what was measured, and right before or after it, the control. */
export interface Sample {
  readonly value: number
  readonly control?: number | undefined
}

/** One line of the answer. `null`: the row has none. */
export interface Row {
  readonly name: string
  readonly unit: string
  /** Medians over the runs. */
  readonly value: number | null
  readonly control: number | null
  /** The median of value / control of the same run, so that what slowed both down does not count. */
  readonly ratio: number | null
  readonly want: string | null
  readonly runs: number
  /** The lowest and highest of what `want` judges; of the ratio where nothing is wanted and there is one, else the value. */
  readonly min: number | null
  readonly max: number | null
  readonly ok: boolean
}

export interface Report {
  readonly bench: string
  readonly rows: readonly Row[]
  readonly ok: boolean
}

/** @throws RangeError without a sample. */
export function summarize(plan: RowPlan, samples: readonly Sample[]): Row {
  const values = samples.map(({ value }) => value)
  const controls = samples.flatMap(({ control }) => control ?? [])
  const ratios = samples.flatMap(({ value, control }) => (control === undefined ? [] : [value / control]))
  const judged = (plan.want?.of ?? (ratios.length > 0 ? 'ratio' : 'value')) === 'ratio' ? ratios : values
  const middle = median(judged)
  return {
    name: plan.name,
    unit: plan.unit,
    value: round(median(values)),
    control: controls.length > 0 ? round(median(controls)) : null,
    ratio: ratios.length > 0 ? round(median(ratios)) : null,
    want: describeWant(plan.want),
    runs: samples.length,
    min: round(Math.min(...judged)),
    max: round(Math.max(...judged)),
    ok: isMet(plan.want, middle),
  }
}

/** The row of what could not be measured, which says why: it is not all right. */
export function unmeasured(plan: RowPlan, reason: string): Row {
  return {
    name: plan.name,
    unit: plan.unit,
    value: null,
    control: null,
    ratio: null,
    want: [describeWant(plan.want), `not measured: ${reason}`].filter((part) => part !== null).join(', '),
    runs: 0,
    min: null,
    max: null,
    ok: false,
  }
}

export function createReport(bench: string, rows: readonly Row[]): Report {
  return { bench, rows, ok: rows.every(({ ok }) => ok) }
}

/** A table for people: one line a row, columns aligned. */
export function formatTable({ bench, rows }: Report): string {
  const cells = rows.map((row) => [
    row.name,
    row.value === null ? '' : `${print(row.value)} ${row.unit}`,
    print(row.control),
    print(row.ratio),
    row.runs === 0 ? '' : `${print(row.min)} .. ${print(row.max)}`,
    row.want ?? '',
    row.want === null ? '' : row.ok ? 'ok' : 'MISSED',
  ])
  const table = [[bench, 'value', 'control', 'ratio', 'min .. max', 'want', ''], ...cells]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((line) => line[column]!.length)))
  const lines = table.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}

export function median(numbers: readonly number[]): number {
  if (numbers.length === 0) throw new RangeError('a median needs a number, was given none')
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Also false for a number that is none. */
function isMet(want: RowPlan['want'], judged: number): boolean {
  if (want === undefined) return true
  return 'least' in want ? judged >= want.least : judged <= want.most
}

function describeWant(want: RowPlan['want']): string | null {
  if (want === undefined) return null
  return 'least' in want ? `${want.of} >= ${want.least}` : `${want.of} <= ${want.most}`
}

/** Four significant digits say all that a benchmark knows; whole numbers stay whole. */
function round(value: number): number {
  return Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(4))
}

function print(value: number | null): string {
  return value === null ? '' : value.toLocaleString('en-US', { maximumFractionDigits: 3 })
}
