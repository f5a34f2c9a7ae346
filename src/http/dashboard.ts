import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { createProblem, sendProblem } from './problems.ts'

/**
 * The page runs its own files and speaks to this gateway, nothing else. Styles may be inline since the chart library
 * writes some; `ws:` is named because not every browser counts a WebSocket as 'self'.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "connect-src 'self' ws: wss:",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'self'",
].join('; ')

/** Serves the built dashboard at `/`. File names carry no hash, so browsers are told to ask each time (by ETag). */
export async function addDashboard(app: FastifyInstance, directory: string): Promise<void> {
  if (!existsSync(join(directory, 'index.html'))) {
    const problem = createProblem(404, 'the dashboard is not built; npm run build builds it')
    app.get('/', (_request, reply) => sendProblem(reply, problem))
    return
  }
  await app.register(fastifyStatic, {
    root: directory,
    // One route a file, known at the start: nothing is looked up on disk by a name that a stranger gave.
    wildcard: false,
    cacheControl: false,
    setHeaders(reply) {
      reply.setHeader('cache-control', 'no-cache')
      reply.setHeader('content-security-policy', CONTENT_SECURITY_POLICY)
      reply.setHeader('referrer-policy', 'no-referrer')
    },
  })
}
