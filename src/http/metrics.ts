import type { FastifyInstance } from 'fastify'

/** Figures as text; nothing of it is secret: numbers, and names of feeds, states and codes. */
export interface MetricsText {
  readonly contentType: string
  render(): Promise<string>
}

/** `/metrics`, for Prometheus: as they are at this moment. */
export function addMetrics(app: FastifyInstance, metrics: MetricsText): void {
  app.get('/metrics', async (_request, reply) =>
    reply
      .type(metrics.contentType)
      .header('cache-control', 'no-store')
      .send(await metrics.render()),
  )
}
