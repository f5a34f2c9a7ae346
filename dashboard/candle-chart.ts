import { CandlestickSeries, createChart, HistogramSeries } from 'lightweight-charts'
import type { Bar, ChartChange } from '../src/client/browser.ts'
import type { Frames } from './frames.ts'
import { decimals, formatPrice } from './numbers.ts'

/** Bars looked at to learn with how many decimals a symbol is priced. */
const SAMPLE = 200
/** Bars in view after a symbol or timeframe was chosen. */
const VIEW = 120

/** One candle chart with its volume. What the client says is gathered and drawn once per animation frame. */
export class CandleChart {
  readonly #element: HTMLElement
  readonly #frames: Frames
  readonly #chart
  readonly #candles
  readonly #volume
  #waiting: { bars: readonly Bar[] | undefined; updates: Map<number, Bar> } = { bars: undefined, updates: new Map() }
  #title = ''
  #last: Bar | undefined
  /** The view is the reader's own once there is something to look at: a reconnect must not move it. */
  #placed = false

  constructor(element: HTMLElement, frames: Frames) {
    this.#element = element
    this.#frames = frames
    this.#chart = createChart(element, { autoSize: true })
    this.#candles = this.#chart.addSeries(CandlestickSeries, { borderVisible: false })
    this.#volume = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: '',
      priceFormat: { type: 'volume' },
      lastValueVisible: false,
      priceLineVisible: false,
    })
    this.#volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } })
    this.#candles.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.2 } })
    this.#paint()
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#paint())
  }

  /** Empties the chart for another symbol or timeframe. */
  begin(title: string, secondsVisible: boolean): void {
    this.#title = title
    this.#placed = false
    this.#chart.timeScale().applyOptions({ timeVisible: true, secondsVisible, rightOffset: 4 })
    this.#waiting = { bars: [], updates: new Map() }
    this.#draw()
  }

  apply(change: ChartChange): void {
    if (change.type === 'set') this.#waiting = { bars: change.bars, updates: new Map() }
    else this.#waiting.updates.set(change.bar.time, change.bar)
    this.#frames('chart', () => this.#draw())
  }

  #draw(): void {
    const { bars, updates } = this.#waiting
    this.#waiting = { bars: undefined, updates: new Map() }
    if (bars) this.#set(bars)
    for (const bar of [...updates.values()].sort((a, b) => a.time - b.time)) {
      // Asked of what is drawn, not of the change: a bar that was appended and corrected within one frame is new here.
      const historical = this.#last !== undefined && bar.time < this.#last.time
      this.#candles.update(bar, historical)
      this.#volume.update(this.#volumeOf(bar), historical)
      if (!historical) this.#last = bar
    }
    this.#describe()
  }

  #set(bars: readonly Bar[]): void {
    const digits = Math.max(2, ...bars.slice(-SAMPLE).map((bar) => decimals(bar.close)))
    this.#candles.applyOptions({ priceFormat: { type: 'price', precision: digits, minMove: 10 ** -digits } })
    this.#candles.setData([...bars])
    this.#volume.setData(bars.map((bar) => this.#volumeOf(bar)))
    this.#last = bars.at(-1)
    if (this.#placed || bars.length === 0) return
    this.#chart.timeScale().setVisibleLogicalRange({ from: bars.length - VIEW, to: bars.length + 4 })
    this.#placed = true
  }

  #volumeOf({ time, open, close, volume }: Bar) {
    return { time, value: volume, color: color(close < open ? '--down-flash' : '--up-flash') }
  }

  /** A canvas says nothing to those who do not see it. */
  #describe(): void {
    const count = this.#candles.data().length
    const last = this.#last && formatPrice(this.#last.close, Math.max(2, decimals(this.#last.close)))
    this.#element.ariaLabel = `${this.#title}: ${last ? `${count} candles, last close ${last}` : 'no candles yet'}`
  }

  #paint(): void {
    this.#chart.applyOptions({
      layout: { background: { color: color('--panel') }, textColor: color('--muted'), fontFamily: 'inherit' },
      grid: { vertLines: { color: color('--line') }, horzLines: { color: color('--line') } },
      rightPriceScale: { borderColor: color('--line') },
      timeScale: { borderColor: color('--line') },
    })
    const [up, down] = [color('--up'), color('--down')]
    this.#candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down })
    const candles = this.#candles.data()
    const directions = candles.map((candle) => ('close' in candle && candle.close < candle.open ? 'down' : 'up'))
    this.#volume.setData(
      this.#volume.data().map((point, n) => ({ ...point, color: color(`--${directions[n] ?? 'up'}-flash`) })),
    )
  }
}

function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}
