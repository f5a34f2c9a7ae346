import type { Log, LogFields } from '../../src/base/log.ts'

const LOOK_EVERY_MS = 50
/** A look that is later than this was kept waiting by a busy machine, which keeps everything else waiting as well. */
const LATE_MS = 2 * LOOK_EVERY_MS

/** What happened in one run, in order, and what should not have. */
export class Report {
  readonly failures: string[] = []
  readonly #lines: string[] = []
  readonly #began = performance.now()
  #woken = () => {}

  /** One line of the run's diary. */
  say(text: string): void {
    this.#lines.push(`${(performance.now() - this.#began).toFixed(0).padStart(6)} ms  ${text}`)
  }

  /** Something that must not be. The first few tell; what follows from them is only counted. */
  fail(text: string): void {
    this.say(`FAILURE: ${text}`)
    this.failures.push(text)
    this.wake()
  }

  /** Something changed: whoever waits looks again. */
  wake(): void {
    this.#woken()
  }

  /**
   * Resolves with true when `condition` holds; with false when it does not within `ms` of a machine that has time: where
   * all is slower, there is more of it.
   */
  async until(condition: () => boolean | Promise<boolean>, ms: number): Promise<boolean> {
    let left = ms
    let looked = performance.now()
    while (!(await condition())) {
      const now = performance.now()
      left -= Math.min(now - looked, LATE_MS)
      looked = now
      if (left <= 0) return false
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_EVERY_MS)
        this.#woken = () => {
          clearTimeout(timer)
          // Not once a frame: a turn of the loop takes many.
          setImmediate(resolve)
        }
      })
    }
    return true
  }

  log(name: string): Log {
    const at = (level: string) => (fields: LogFields, message: string) =>
      this.say(`${name} ${level}: ${message} ${JSON.stringify(fields)}`)
    return { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error') }
  }

  /** Whether a line of the diary holds this. */
  hasSaid(text: string): boolean {
    return this.#lines.some((line) => line.includes(text))
  }

  /** The last lines of the diary. */
  last(count: number): string {
    return this.#lines.slice(-count).join('\n')
  }
}
