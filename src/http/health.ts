import type { FastifyInstance } from 'fastify'
import { createProblem, PROBLEM_TYPE } from './problems.ts'

/** Whether the gateway can serve, and if not, why not. */
export interface Readiness {
  readonly ready: boolean
  /** One sentence each; empty when ready. */
  readonly reasons: readonly string[]
}

/** `/healthz`: the process lives. `/readyz`: it can serve; 503 with the reasons while it cannot. */
export function addHealth(app: FastifyInstance, readiness: () => Readiness): void {
  app.get('/healthz', () => ({ status: 'ok', uptime: process.uptime() }))

  app.get('/readyz', (_request, reply) => {
    const { ready, reasons } = readiness()
    if (ready) return reply.send({ status: 'ready', reasons })
    const problem = createProblem(503, reasons.join('; ') || 'the gateway is starting')
    return reply
      .code(503)
      .header('retry-after', '1')
      .type(PROBLEM_TYPE)
      .send({ ...problem, reasons })
  })
}
