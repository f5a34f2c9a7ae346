import { type ChartTimeframe, SERIES_TIMEFRAMES, TIMEFRAMES } from '../src/market/timeframe.ts'

/** Between two questions. */
const AGAIN_MS = 5_000

/** Which of the gateway's symbols are series of observations: their charts are to be had in other timeframes. */
export class SeriesList {
  readonly #address: URL
  readonly #onChange: () => void
  readonly #isSeries = new Map<string, boolean>()
  readonly #met = new Set<string>()
  #isAsking = false

  constructor(address: URL, onChange: () => void) {
    this.#address = address
    this.#onChange = onChange
  }

  /** Notes that there is such a symbol. */
  meet(symbol: string): void {
    if (this.#isSeries.has(symbol)) return
    this.#met.add(symbol)
    if (this.#isAsking) return
    this.#isAsking = true
    void this.#ask().finally(() => {
      setTimeout(() => this.#rested(), AGAIN_MS)
    })
  }

  /** Undefined: it is not known yet. */
  timeframesOf(symbol: string | undefined): readonly ChartTimeframe[] | undefined {
    const isSeries = symbol === undefined ? undefined : this.#isSeries.get(symbol)
    if (isSeries === undefined) return undefined
    return isSeries ? SERIES_TIMEFRAMES : TIMEFRAMES
  }

  /** What was met meanwhile, or was not told then, is asked for. */
  #rested(): void {
    this.#isAsking = false
    for (const symbol of this.#met) this.meet(symbol)
  }

  async #ask(): Promise<void> {
    try {
      const response = await fetch(new URL('api/v1/instruments', this.#address))
      if (!response.ok) return
      const { instruments }: Listed = await response.json()
      for (const { symbol, assetClass } of instruments) {
        this.#isSeries.set(symbol, assetClass === 'macro')
        this.#met.delete(symbol)
      }
      this.#onChange()
    } catch {
      // The page says already that the gateway is away; until it answers, no symbol is taken for a series.
    }
  }
}

// --- the part of /api/v1/instruments that we use ---

interface Listed {
  readonly instruments: readonly { readonly symbol: string; readonly assetClass: string }[]
}
