/** How many timers keep this process alive: what has ended MUST leave as many as it found. */
export function runningTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}
