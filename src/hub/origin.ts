import type { IncomingMessage } from 'node:http'

/** Whether a browser page of this origin may connect. Browsers do not hold WebSockets back by themselves. */
export type OriginCheck = (origin: string, request: IncomingMessage) => boolean

/** Allows the gateway's own pages and those of this machine. */
export const sameOriginOrLoopback: OriginCheck = (origin, request) => {
  const url = parseOrigin(origin)
  if (!url) return false
  return url.host === request.headers.host || isLoopbackHost(url.hostname)
}

/** Whether the peer is this machine. */
export function isLoopbackAddress(address: string | undefined): boolean {
  return address !== undefined && /^(::ffff:)?127\.|^::1$/.test(address)
}

function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127\./.test(hostname)
}

function parseOrigin(origin: string): URL | undefined {
  try {
    return new URL(origin)
  } catch {
    // `null` (sandboxed frames, files) and garbage are nobody's origin.
    return undefined
  }
}
