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

const openSocket: OpenSocket = (address, token, events) => {
  const url = new URL(address)
  // A browser cannot set headers on a WebSocket.
  if (token !== undefined) url.searchParams.set('token', token)
  const socket = new WebSocket(url)
  socket.onopen = () => events.opened()
  socket.onmessage = ({ data }) => events.message(String(data))
  socket.onclose = ({ code, reason }) => events.closed(code, reason)
  return {
    send: (data) => socket.send(data),
    close: () => socket.close(1000),
  }
}
