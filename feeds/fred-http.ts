/** An answer over HTTP, whatever it says. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** Why there was no answer, in words without the address that was asked: a key is in it. */
export interface NoAnswer {
  readonly reason: string
}

export interface HttpBounds {
  /** Longest wait for the last byte. */
  readonly requestMs: number
  readonly mostBytes: number
}

/** Asks once. Never rejects; what is given up is cut. */
export async function getText(url: string, bounds: HttpBounds, signal: AbortSignal): Promise<HttpAnswer | NoAnswer> {
  const timeout = AbortSignal.timeout(bounds.requestMs)
  try {
    // A redirect would hand the key to whoever it names.
    const response = await fetch(url, { signal: AbortSignal.any([signal, timeout]), redirect: 'error' })
    const { status, headers } = response
    return { status, headers, text: await readBounded(response, bounds.mostBytes) }
  } catch (error) {
    if (signal.aborted) return { reason: 'aborted' }
    if (timeout.aborted) return { reason: `silent for ${bounds.requestMs / 1_000} s` }
    return { reason: describeFailure(error) }
  }
}

/** Leaving the loop ends the response. */
async function readBounded({ body }: Response, mostBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength
    if (bytes > mostBytes) throw new Error(`an answer of more than ${mostBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** `fetch` says "fetch failed" and keeps what happened in the cause. */
function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer'
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  return 'code' in cause && typeof cause.code === 'string' ? `${error.message}, ${cause.code}` : cause.message
}
