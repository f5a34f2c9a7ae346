import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

const GRACE_MS = 1_000

/**
 * Prepares an orderly end: idle connections go at once, requests at work get a second. Node does not count a
 * connection as idle before its first request, yet browsers open such ones to be quicker later: we know them ourselves.
 */
export function prepareClosing(app: FastifyInstance): () => Promise<void> {
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  let closed: Promise<void> | undefined
  return () => {
    closed ??= close(app, sockets)
    return closed
  }
}

async function close(app: FastifyInstance, sockets: ReadonlySet<Socket>): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), GRACE_MS)
  try {
    const ended = app.close()
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    await ended
  } finally {
    clearTimeout(timer)
  }
}
