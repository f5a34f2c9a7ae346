import { GatewayError } from '../base/errors.ts'

const SOCKET_PROTOCOLS: Readonly<Record<string, string>> = {
  'http:': 'ws:',
  'https:': 'wss:',
  'ws:': 'ws:',
  'wss:': 'wss:',
}

/**
 * The gateway's WebSocket address, from any address of it: `http(s)` or `ws(s)`, with or without `/ws`.
 *
 * @throws GatewayError bad_parameter when `address` is no such URL.
 */
export function socketUrl(address: string | URL): URL {
  const url = URL.canParse(String(address)) ? new URL(address) : undefined
  const protocol = url && SOCKET_PROTOCOLS[url.protocol]
  if (!url || !protocol) {
    throw new GatewayError(
      'bad_parameter',
      `the gateway's URL must start with http(s):// or ws(s)://, was '${address}'`,
    )
  }
  // Rebuilt from text: browsers do not let http become ws by assignment.
  const path = url.pathname.replace(/\/+$/, '')
  return new URL(`${protocol}//${url.host}${path.endsWith('/ws') ? path : `${path}/ws`}${url.search}`)
}

/** A path of the gateway's HTTP side, from any address of it. @throws GatewayError bad_parameter */
export function httpUrl(address: string | URL, path: string): URL {
  const { protocol, host, pathname } = socketUrl(address)
  return new URL(`${protocol === 'wss:' ? 'https:' : 'http:'}//${host}${pathname.replace(/ws$/, '')}${path}`)
}
