import { VERSION } from '../base/version.ts'
import { cacheMetrics } from './cache-metrics.ts'
import { type FeedMetricsParts, feedMetrics } from './feed-metrics.ts'
import { hubMetrics } from './hub-metrics.ts'
import { gauge, type Metric } from './metric.ts'
import { type SpoolFigures, spoolMetrics } from './spool-metrics.ts'
import { type TierParts, tierMetrics } from './tier-metrics.ts'
import { type WriterFigures, writerMetrics } from './writer-metrics.ts'

export interface GatewayParts extends FeedMetricsParts, TierParts {
  readonly cache: Parameters<typeof cacheMetrics>[0]
  readonly database: TierParts['database'] & SpoolFigures
  readonly writer: WriterFigures
  readonly hub: Parameters<typeof hubMetrics>[0]
}

/** What there is to tell from the first moment on. */
export function buildMetrics(): readonly Metric[] {
  const labels = { version: VERSION, node: process.version }
  return [gauge('tickgate_build_info', '1; what runs here.', () => [[labels, 1]], Object.keys(labels))]
}

/** Every metric of a gateway whose parts are there; docs/METRICS.md lists them. */
export function gatewayMetrics(parts: GatewayParts): readonly Metric[] {
  return [
    ...feedMetrics(parts),
    ...tierMetrics(parts),
    ...cacheMetrics(parts.cache),
    ...writerMetrics(parts.writer),
    ...spoolMetrics(parts.database),
    ...hubMetrics(parts.hub),
  ]
}
