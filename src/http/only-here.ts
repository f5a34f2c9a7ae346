import { isIP } from 'node:net'
import { hostname } from 'node:os'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { createProblem, sendProblem } from './problems.ts'

const LOOPBACK = /^(::ffff:)?127\.|^::1$/
/** A proxy on this machine speaks for somebody elsewhere. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'] as const

/**
 * Lets only programs of this machine pass: there are no keys yet, and what is asked here costs work and budget at the
 * source. A page in a browser is refused wherever it is from, for any site can make one send requests to this machine.
 */
export async function onlyFromHere(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
  const reason = reasonToRefuse(request)
  if (reason === undefined) return undefined
  return sendProblem(
    reply,
    createProblem(403, `this must be asked by a program on the gateway's machine, ${reason}`, 'forbidden'),
  )
}

function reasonToRefuse({ headers, raw: { socket, httpVersion } }: FastifyRequest): string | undefined {
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) return 'was asked by a page'
  // nginx, unless told otherwise, adds no header; but it speaks 1.0, as no program of today does by itself.
  const isForwarded = FORWARDED.some((name) => headers[name] !== undefined) || httpVersion === '1.0'
  if (isForwarded) return 'was sent on by a proxy'
  if (!isOwnName(headers.host)) return `was asked as ${headers.host}`
  const { remoteAddress = '', localAddress } = socket
  // A machine reaches its own public address from that address.
  if (LOOPBACK.test(remoteAddress) || remoteAddress === localAddress) return undefined
  return `was asked from ${remoteAddress || 'elsewhere'}`
}

/** Others are names that a proxy was asked for, or that a stranger's DNS bends to this machine. */
function isOwnName(host = ''): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase()
  const isAddress = isIP(name.replace(/^\[|\]$/g, '')) !== 0
  return isAddress || name === 'localhost' || name.endsWith('.localhost') || name === hostname().toLowerCase()
}
