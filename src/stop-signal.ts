/** A terminal sends Ctrl-C to the whole group and npm sends it on: what comes within this time is one wish. */
const ONE_WISH_MS = 1_000

/**
 * Aborts at the first SIGINT or SIGTERM; the reason is the signal's name. Another one more than a second later ends the
 * process at once, for those who will not wait.
 */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  let first: number | undefined
  const onSignal = (signal: NodeJS.Signals) => {
    first ??= Date.now()
    if (Date.now() - first > ONE_WISH_MS) process.exit(signal === 'SIGINT' ? 130 : 143)
    stop.abort(signal)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return stop.signal
}

/** Resolves when `signal` has aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
