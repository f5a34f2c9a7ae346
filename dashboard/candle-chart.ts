import { CandlestickSeries, createChart, HistogramSeries, type Time } from 'lightweight-charts'
import type { Bar, ChartChange, ChartLoop } from '../src/client/browser.ts'
import type { Frames } from './frames.ts'
import { decimals, formatPrice } from './numbers.ts'
import { ScrollBack } from './scroll-back.ts'

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
  readonly #scrollBack: ScrollBack
  #older: ChartLoop['older'] | undefined
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
    this.#chart.timeScale().subscribeVisibleTimeRangeChange(() => this.#frames('describe', () => this.#describe()))
    this.#scrollBack = new ScrollBack(this.#chart.timeScale(), (change) => this.apply(change))
    this.#paint()
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#paint())
  }

  /** Empties the chart for another symbol or timeframe; `older` is asked for what comes before the bars there are. */
  begin(title: string, secondsVisible: boolean, older: ChartLoop['older']): void {
    this.#title = title
    this.#older = older
    this.#scrollBack.end()
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
      this.#volume.update(volumeOf(bar, volumeColors()), historical)
      if (!historical) this.#last = bar
    }
    this.#describe()
  }

  #set(bars: readonly Bar[]): void {
    const digits = Math.max(2, ...bars.slice(-SAMPLE).map((bar) => decimals(bar.close)))
    this.#candles.applyOptions({ priceFormat: { type: 'price', precision: digits, minMove: 10 ** -digits } })
    this.#candles.setData([...bars])
    const colors = volumeColors()
    this.#volume.setData(bars.map((bar) => volumeOf(bar, colors)))
    this.#last = bars.at(-1)
    this.#scrollBack.drawn()
    if (this.#placed || bars.length === 0) return
    this.#chart.timeScale().setVisibleLogicalRange({ from: bars.length - VIEW, to: bars.length + 4 })
    this.#placed = true
    if (this.#older) this.#scrollBack.begin(this.#older)
  }

  /** A canvas says nothing to those who do not see it. */
  #describe(): void {
    const count = this.#candles.data().length
    const last = this.#last && formatPrice(this.#last.close, Math.max(2, decimals(this.#last.close)))
    const view = this.#chart.timeScale().getVisibleRange()
    const inView = view === null ? '' : `, in view ${utcMinute(view.from)} to ${utcMinute(view.to)}`
    const what = last ? `${count} candles, last close ${last}${inView}` : 'no candles yet'
    this.#element.ariaLabel = `${this.#title}: ${what}`
  }

  #paint(): void {
    this.#chart.applyOptions({
      layout: { background: { color: color('--panel') }, textColor: color('--muted'), fontFamily: 'inherit' },
      grid: { vertLines: { color: color('--line') }, horzLines: { color: color('--line') } },
      // Wide enough for most prices: else the candles move a little whenever its labels change.
      rightPriceScale: { borderColor: color('--line'), minimumWidth: 80 },
      timeScale: { borderColor: color('--line') },
    })
    const [up, down] = [color('--up'), color('--down')]
    this.#candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down })
    const candles = this.#candles.data()
    const colors = volumeColors()
    const directions = candles.map((candle) => ('close' in candle && candle.close < candle.open ? 'down' : 'up'))
    this.#volume.setData(this.#volume.data().map((point, n) => ({ ...point, color: colors[directions[n] ?? 'up'] })))
  }
}

function utcMinute(time: Time): string {
  return new Date(Number(time) * 1000).toISOString().slice(0, 16).replace('T', ' ')
}

function volumeOf({ time, open, close, volume }: Bar, { up, down }: ReturnType<typeof volumeColors>) {
  return { time, value: volume, color: close < open ? down : up }
}

/** Asked of the page's style once for all bars: it takes its time. */
function volumeColors() {
  return { up: color('--up-flash'), down: color('--down-flash') }
}

function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}
