import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/**
 * Answers a request that Node took for an upgrade as the request that it is. An offer of another protocol may be ignored
 * (RFC 9110, section 7.8), and many clients make one: Java's offers HTTP/2 with every request. The connection ends with
 * the answer.
 */
export function answerPlainly(server: Server, request: IncomingMessage, socket: Duplex): void {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  // Node has let go of the socket: it is ours to see it break, and drain.
  socket.on('error', () => socket.destroy())
  socket.on('drain', () => response.emit('drain'))
  // What `upgrade` hands over is the connection's own socket, or the TLS one that stands for it.
  response.assignSocket(socket as Socket)
  response.once('finish', () => socket.end())
  server.emit('request', request, response)
}
