import { WebSocket } from 'ws'
import { type ConnectOptions, createGateway, type Gateway } from './client.ts'
import type { OpenSocket } from './socket.ts'

export * from './exports.ts'

/**
 * A gateway by its address, `http(s)` or `ws(s)`, with or without `/ws`. Nothing is opened before the first loop asks.
 *
 * @throws GatewayError bad_parameter when `address` is no such URL.
 */
export function connect(address: string | URL, options: ConnectOptions = {}): Gateway {
  return createGateway(address, options, openSocket)
}

const openSocket: OpenSocket = (url, token, events) => {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const socket = new WebSocket(url, { headers, perMessageDeflate: false })
  let failure = ''
  socket.on('open', () => events.opened())
  socket.on('message', (data) => events.message(String(data)))
  // Always followed by 'close', which has no words of its own for a connection that never opened.
  socket.on('error', (error) => {
    failure = error.message
  })
  socket.on('close', (code, reason) => events.closed(code, String(reason) || failure))
  return {
    send: (data) => socket.send(data),
    close: () => {
      if (socket.readyState === WebSocket.OPEN) socket.close(1000)
      // The peer has a moment to answer the close; a dead one must not keep this process alive.
      socket.readyState === WebSocket.CLOSING ? setTimeout(() => socket.terminate(), 250).unref() : socket.terminate()
    },
  }
}
