import type { HistogramCounts } from '../base/histogram.ts'

/** What tells the values of one metric apart. MUST be few: each combination is a series that Prometheus keeps. */
export type Labels = Readonly<Record<string, string>>

/** One value for a metric without labels, else one for each combination of them. */
export type Reading<Value> = Value | readonly (readonly [Labels, Value])[]

interface Described {
  /** Prometheus' conventions: base units, `_total` on counters and on nothing else. */
  readonly name: string
  /** One line for people. */
  readonly help: string
  /** Names of its labels. */
  readonly labels: readonly string[]
}

/** A figure as it is published; it is read when it is asked for, so that whoever counts it pays for nothing. */
export type Metric =
  | (Described & { readonly type: 'counter' | 'gauge'; readonly read: () => Reading<number> })
  | (Described & { readonly type: 'histogram'; readonly read: () => Reading<HistogramCounts> })

type Read<Value> = () => Reading<Value>

/** A count that only grows, until the process starts anew. */
export function counter(name: string, help: string, read: Read<number>, labels: readonly string[] = []): Metric {
  return { type: 'counter', name, help, labels, read }
}

/** A value that comes and goes. */
export function gauge(name: string, help: string, read: Read<number>, labels: readonly string[] = []): Metric {
  return { type: 'gauge', name, help, labels, read }
}

export function histogram(
  name: string,
  help: string,
  read: Read<HistogramCounts>,
  labels: readonly string[] = [],
): Metric {
  return { type: 'histogram', name, help, labels, read }
}

/** A state as a metric: 1 for the one that is, 0 for the others, so that a change is seen in both. */
export function stateGauge<State extends string>(
  name: string,
  help: string,
  states: readonly State[],
  read: () => State,
): Metric {
  const values = () => {
    const now = read()
    return states.map((state): [Labels, number] => [{ state }, state === now ? 1 : 0])
  }
  return gauge(name, help, values, ['state'])
}
