import { YahooRefusal } from './yahoo-refusal.ts'

interface Renewal {
  readonly crumb: Promise<string>
  readonly stop: AbortController
  waiting: number
}

/**
 * The secret that Yahoo wants to see with every question for quotes. Got once for all who need it, kept until Yahoo
 * refuses it. Never logged.
 */
export class YahooCrumb {
  readonly #renew: (signal: AbortSignal) => Promise<string>
  #crumb: string | undefined
  #renewal: Renewal | undefined

  /** @param renew gets a new one; MUST end when its signal aborts */
  constructor(renew: (signal: AbortSignal) => Promise<string>) {
    this.#renew = renew
  }

  /** @throws what `renew` does; YahooRefusal when `signal` aborts */
  async get(signal: AbortSignal): Promise<string> {
    if (this.#crumb !== undefined) return this.#crumb
    this.#renewal ??= this.#begin()
    const renewal = this.#renewal
    renewal.waiting++
    let leave = () => {}
    const aborted = new Promise<never>((_, reject) => {
      leave = () => reject(new YahooRefusal('broken', 'aborted'))
      if (signal.aborted) leave()
      signal.addEventListener('abort', leave)
    })
    try {
      return await Promise.race([renewal.crumb, aborted])
    } finally {
      signal.removeEventListener('abort', leave)
      // It is fetched for as long as anybody waits, whoever asked first.
      if (--renewal.waiting === 0) this.#end(renewal)
    }
  }

  /** Forgets `crumb`, which Yahoo has refused, unless there is a newer one already. */
  drop(crumb: string | undefined): void {
    if (this.#crumb === crumb) this.#crumb = undefined
  }

  #begin(): Renewal {
    const stop = new AbortController()
    const crumb = this.#renew(stop.signal).then((renewed) => {
      this.#crumb = renewed
      return renewed
    })
    return { crumb, stop, waiting: 0 }
  }

  /** Whoever asks next begins anew. */
  #end(renewal: Renewal): void {
    renewal.stop.abort()
    if (this.#renewal === renewal) this.#renewal = undefined
  }
}
