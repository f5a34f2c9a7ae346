import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'

/** What came of one call of the package. */
export interface CallEnd {
  /** What it answered, or what it threw. */
  readonly result: { readonly body: unknown } | { readonly error: unknown }
  /** Of its response, when one came; the package itself keeps these for itself. */
  readonly head: ResponseHead | undefined
}

export interface ResponseHead {
  readonly status: number
  readonly headers: IncomingHttpHeaders
}

/** Published with `{request, response}` when the head of a response has come. */
const RESPONSES = 'http.client.response.finish'

/**
 * Makes one call with what the package leaves out: an end to every wait, and the status and headers of the response
 * (docs/adr/0009). Never rejects. A call that is given up is cut.
 */
export async function callWithin(call: () => Promise<unknown>, ms: number, signal: AbortSignal): Promise<CallEnd> {
  const others = new Set(socketsInUse())
  // An async function makes a rejection of what the package throws at once, too.
  const answer = (async () => call())()
  // The package makes its request while it is called: the socket that Node's agents have gained by then is its own.
  const socket = socketsInUse().find((candidate) => !others.has(candidate))
  let head: ResponseHead | undefined
  const watch = (message: unknown) => {
    const { response } = message as { readonly response: IncomingMessage }
    if (response.socket === socket) head = { status: response.statusCode ?? 0, headers: response.headers }
  }
  subscribe(RESPONSES, watch)
  try {
    return { result: { body: await endWithin(answer, ms, signal) }, head }
  } catch (error) {
    // A request that is merely no longer awaited keeps its socket, and this process, for as long as the peer likes.
    socket?.destroy()
    return { result: { error }, head }
  } finally {
    unsubscribe(RESPONSES, watch)
  }
}

async function endWithin(answer: Promise<unknown>, ms: number, signal: AbortSignal): Promise<unknown> {
  let stopWaiting = () => {}
  const end = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new Error(`silent for ${ms / 1_000} s`)), ms)
    const aborted = () => reject(new Error('aborted'))
    signal.addEventListener('abort', aborted)
    stopWaiting = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
    }
  })
  try {
    return await Promise.race([answer, end])
  } finally {
    stopWaiting()
  }
}

function socketsInUse(): readonly Socket[] {
  const lists = [http.globalAgent, https.globalAgent].flatMap(({ sockets }) => Object.values(sockets))
  return lists.flatMap((list) => list ?? [])
}
