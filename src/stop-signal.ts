/** A terminal sends Ctrl-C to the whole group and npm sends it on: what comes within this time is one wish. */
const ONE_WISH_MS = 1_000

/**
 * Resolves at the first SIGINT or SIGTERM. Another one more than a second later ends the process at once, for those who
 * will not wait.
 */
export function untilStopped(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first: number | undefined
    const onSignal = (signal: NodeJS.Signals) => {
      first ??= Date.now()
      if (Date.now() - first > ONE_WISH_MS) process.exit(signal === 'SIGINT' ? 130 : 143)
      resolve(signal)
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
}
