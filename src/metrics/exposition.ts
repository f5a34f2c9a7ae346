import { Counter, Gauge, Histogram, type MetricType, Registry } from 'prom-client'
import type { HistogramCounts } from '../base/histogram.ts'
import type { Labels, Metric, Reading } from './metric.ts'
import { createProcessRegistry } from './process-metrics.ts'

/** Metrics as text in Prometheus' format. */
export interface Exposition {
  readonly contentType: string
  /** Publishes them from now on. @throws Error for a name that is there already */
  add(metrics: readonly Metric[]): void
  /** Reads every metric, now. */
  render(): Promise<string>
}

/** @param ofProcess made when metrics are asked for first: who never asks does not pay for watching the event loop */
export function createExposition(ofProcess: () => Registry = createProcessRegistry): Exposition {
  const registry = new Registry()
  let processRegistry: Registry | undefined
  return {
    contentType: registry.contentType,
    add(metrics) {
      for (const metric of metrics) register(metric, registry)
    },
    async render() {
      processRegistry ??= ofProcess()
      return `${await registry.metrics()}\n${await processRegistry.metrics()}`
    },
  }
}

function register(metric: Metric, registry: Registry): void {
  const { name, help, labels } = metric
  const settings = { name, help, labelNames: labels, registers: [registry] }
  if (metric.type === 'histogram') {
    new HeldHistogram(settings, metric.read)
  } else if (metric.type === 'gauge') {
    new Gauge({
      ...settings,
      collect() {
        this.reset()
        for (const [values, value] of samplesOf(metric.read())) this.set(values, value)
      },
    })
  } else {
    new Counter({
      ...settings,
      collect() {
        this.reset()
        for (const [values, value] of samplesOf(metric.read())) this.inc(values, value)
      },
    })
  }
}

function samplesOf<Value extends number | HistogramCounts>(
  reading: Reading<Value>,
): readonly (readonly [Labels, Value])[] {
  return Array.isArray(reading) ? reading : [[{}, reading as Value]]
}

/** The library's types have an enum of numbers for what is this text when it runs. */
const HISTOGRAM = 'histogram' as unknown as MetricType

/** A histogram that was counted elsewhere: the library's own can only be observed into. */
class HeldHistogram extends Histogram {
  readonly #read: () => Reading<HistogramCounts>
  readonly #described: { readonly name: string; readonly help: string }

  constructor(settings: ConstructorParameters<typeof Histogram>[0], read: () => Reading<HistogramCounts>) {
    super(settings)
    this.#read = read
    this.#described = settings
  }

  override async get(): ReturnType<Histogram['get']> {
    const values = samplesOf(this.#read()).flatMap(([labels, counts]) => this.#valuesOf(labels, counts))
    return { ...this.#described, type: HISTOGRAM, aggregator: 'sum', collect: () => undefined, values }
  }

  /** What the library calls for the text; its types do not tell of it. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get()
  }

  #valuesOf(labels: Labels, { bounds, counts, sum, count }: HistogramCounts) {
    const { name } = this.#described
    let below = 0
    const buckets = bounds.map((bound, index) => {
      below += counts[index] ?? 0
      return { metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: below }
    })
    return [
      ...buckets,
      { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ]
  }
}
