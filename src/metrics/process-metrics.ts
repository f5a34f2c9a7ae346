import { collectDefaultMetrics, Registry } from 'prom-client'

/**
 * Metrics of the process as Prometheus' clients have them all. Left out: those that list every open socket at each
 * scrape, which costs milliseconds with thousands of clients, and whose names say that they are counters.
 */
const LEFT_OUT = ['active_handles', 'active_requests', 'active_resources'].flatMap((name) => [
  `nodejs_${name}`,
  `nodejs_${name}_total`,
])

/** A registry that watches the process: its event loop, its memory, its garbage collection. */
export function createProcessRegistry(): Registry {
  const register = new Registry()
  collectDefaultMetrics({ register })
  for (const name of LEFT_OUT) register.removeSingleMetric(name)
  return register
}
