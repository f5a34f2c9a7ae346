/** One metric as Prometheus reads it. */
export interface ScrapedMetric {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly ScrapedSample[]
}

export interface ScrapedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Reads a scrape. @throws Error for a line that is none, and for a sample whose metric has not been introduced */
export function readScrape(text: string): ReadonlyMap<string, ScrapedMetric> {
  const metrics = new Map<string, { name: string; type: string; help: string; samples: ScrapedSample[] }>()
  let current = { name: '', type: '', help: '', samples: [] as ScrapedSample[] }
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? []
    if (kind === 'HELP') {
      if (metrics.has(name)) throw new Error(`${name} is there twice`)
      current = { name, type: '', help: rest, samples: [] }
      metrics.set(name, current)
    } else if (kind === 'TYPE') {
      if (name !== current.name) throw new Error(`${name} has a type, but no help`)
      current.type = rest
    } else current.samples.push(readSample(line, current))
  }
  return metrics
}

function readSample(line: string, { name, type }: { readonly name: string; readonly type: string }): ScrapedSample {
  const [, found = '', inside = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
  const suffix = found.slice(name.length)
  const allowed = type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
  if (!found.startsWith(name) || !allowed.includes(suffix)) throw new Error(`not a sample of ${name}: ${line}`)
  const labels = [...inside.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text])
  return { name: found, labels: Object.fromEntries(labels), value: Number(value) }
}

/** The value of one series; undefined: there is none. */
export function seriesOf(
  metrics: ReadonlyMap<string, ScrapedMetric>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const metric = metrics.get(name) ?? metrics.get(name.replace(/_(bucket|sum|count)$/, ''))
  const wanted = Object.entries(labels)
  return metric?.samples.find(
    (sample) =>
      sample.name === name &&
      Object.keys(sample.labels).length === wanted.length &&
      wanted.every(([key, value]) => sample.labels[key] === value),
  )?.value
}

const UNITS_THAT_ARE_NOT_BASE =
  /_(ms|millis|milliseconds|us|microseconds|ns|nanoseconds|minutes|hours|days|kb|mb|gb|kilobytes|megabytes|percent|sec|secs)(_|$)/

/** What is wrong with the names and the texts, as `promtool check metrics` has it; a sentence each. */
export function lint({ name, type, help, samples }: ScrapedMetric): readonly string[] {
  const problems: string[] = []
  if (!/^[a-z][a-z0-9_]*$/.test(name)) problems.push('is not in snake_case')
  if (help.trim() === '') problems.push('has no help')
  if (!['counter', 'gauge', 'histogram'].includes(type)) problems.push(`is of type ${type}`)
  if ((type === 'counter') !== name.endsWith('_total'))
    problems.push('must end in _total if and only if it is a counter')
  if (/_(bucket|sum|count)$/.test(name) || /(^|_)(counter|gauge|histogram)(_|$)/.test(name))
    problems.push('names a type')
  if (UNITS_THAT_ARE_NOT_BASE.test(name)) problems.push('has a unit that is not a base unit')
  for (const { labels } of samples) {
    if (Object.keys(labels).some((label) => !/^[a-z][a-z0-9_]*$/.test(label)))
      problems.push('has a label not in snake_case')
    if ('le' in labels && type !== 'histogram') problems.push('has a label le')
  }
  return problems.map((problem) => `${name} ${problem}`)
}
