import type { Clock } from '../base/clock.ts'

interface Sample {
  readonly at: number
  readonly counts: ReadonlyMap<string, number>
}

export interface RecentRatesOptions {
  /** What has been counted so far, by name. */
  readonly counts: () => ReadonlyMap<string, number>
  readonly clock: Clock
}

const SAMPLE_EVERY_MS = 1_000
const SAMPLES = 10

/** How fast counts have grown over the last ten seconds: looked at once a second, so that whoever counts pays nothing. */
export class RecentRates {
  readonly #options: RecentRatesOptions
  readonly #samples: Sample[] = []
  #cancel: () => void = () => {}

  constructor(options: RecentRatesOptions) {
    this.#options = options
    this.#sample()
  }

  /** A second, on average. */
  of(name: string): number {
    const { counts, clock } = this.#options
    const oldest = this.#samples[0]!
    const seconds = Math.max(1, (clock.now() - oldest.at) / 1_000)
    const grown = (counts().get(name) ?? 0) - (oldest.counts.get(name) ?? 0)
    return Math.round((grown / seconds) * 100) / 100
  }

  close(): void {
    this.#cancel()
  }

  readonly #sample = (): void => {
    const { counts, clock } = this.#options
    this.#samples.push({ at: clock.now(), counts: counts() })
    if (this.#samples.length > SAMPLES) this.#samples.shift()
    this.#cancel = clock.after(SAMPLE_EVERY_MS, this.#sample)
  }
}
