import type { ITimeScaleApi, LogicalRange, Time } from 'lightweight-charts'
import type { ChartChange, ChartLoop } from '../src/client/browser.ts'

/** So many bars to the left of what is in view, older ones are loaded. */
const AHEAD_BARS = 200
/** Between two tries when older bars cannot be had. */
const AGAIN_MS = 5_000

/**
 * Loads older bars when the reader scrolls or zooms towards the oldest, until there are none. All bars are set anew then,
 * and the view stays where it is, because the chart counts it from the newest bar.
 */
export class ScrollBack {
  readonly #timeScale: ITimeScaleApi<Time>
  readonly #apply: (change: ChartChange) => void
  /** Undefined: nothing is older. */
  #older: ChartLoop['older'] | undefined
  #isLoading = false
  /** Older bars are here, and not on the chart yet: what it says is in view counts without them. */
  #isDrawing = false
  #again: ReturnType<typeof setTimeout> | undefined

  constructor(timeScale: ITimeScaleApi<Time>, apply: (change: ChartChange) => void) {
    this.#timeScale = timeScale
    this.#apply = apply
    timeScale.subscribeVisibleLogicalRangeChange((range) => this.#look(range))
  }

  /** There are bars, to the left of which others may be. */
  begin(older: ChartLoop['older']): void {
    this.#older = older
    this.#look(this.#timeScale.getVisibleLogicalRange())
  }

  /** Bars were set. */
  drawn(): void {
    if (!this.#isDrawing) return
    this.#isDrawing = false
    this.#look(this.#timeScale.getVisibleLogicalRange())
  }

  /** What was shown is gone. */
  end(): void {
    clearTimeout(this.#again)
    this.#again = undefined
    this.#older = undefined
    this.#isLoading = false
    this.#isDrawing = false
  }

  #look(range: LogicalRange | null): void {
    if (range === null || range.from > AHEAD_BARS) return
    if (this.#isLoading || this.#isDrawing || this.#again !== undefined) return
    if (this.#older !== undefined) void this.#load(this.#older)
  }

  async #load(older: ChartLoop['older']): Promise<void> {
    this.#isLoading = true
    try {
      const change = await older()
      if (older !== this.#older) return
      this.#isLoading = false
      if (change === undefined) this.#older = undefined
      else {
        this.#isDrawing = true
        this.#apply(change)
      }
    } catch {
      // What is shown stays true; the gateway is asked again as long as the reader looks there.
      if (older !== this.#older) return
      this.#isLoading = false
      this.#again = setTimeout(() => {
        this.#again = undefined
        this.#look(this.#timeScale.getVisibleLogicalRange())
      }, AGAIN_MS)
    }
  }
}
