import { type ChartTimeframe, connect, describeNotice, type Notice } from '../src/client/browser.ts'
import { CHART_TIMEFRAMES, TIMEFRAMES } from '../src/market/timeframe.ts'
import { CandleChart } from './candle-chart.ts'
import { element } from './element.ts'
import { FeedStates } from './feed-states.ts'
import { createFrames } from './frames.ts'
import { formatPrice } from './numbers.ts'
import { PriceTable, showChange } from './price-table.ts'
import { Quotes } from './quotes.ts'
import { SeriesList } from './series-list.ts'

/** The gateway is where the page came from. */
const address = new URL('.', location.href)
const backoff = { firstMs: 250, maxMs: 5_000 }
const frames = createFrames()
const quotes = new Quotes(({ symbol }) => frames(`price ${symbol}`, () => showQuote(symbol)))
const table = new PriceTable((symbol) => choose(symbol, chosen.timeframe))
const chart = new CandleChart(element('chart'), frames)
const seriesList = new SeriesList(address, listChanged)
const buttons = new Map(CHART_TIMEFRAMES.map((timeframe) => [timeframe, timeframeButton(timeframe)]))

let chosen: { readonly symbol: string | undefined; readonly timeframe: ChartTimeframe } = fromHash()
let leaveChart = new AbortController()

element('timeframes').append(...buttons.values())
choose(chosen.symbol, chosen.timeframe)
void run(followPrices())
void run(followDay())
void run(followStatuses())

async function followPrices(): Promise<void> {
  const gateway = connect(address, { backoff, onNotice: showConnection })
  for await (const price of gateway.prices(['*'])) {
    seriesList.meet(price.symbol)
    quotes.price(price)
    if (chosen.symbol === undefined) choose(price.symbol, chosen.timeframe)
  }
}

async function followDay(): Promise<void> {
  const gateway = connect(address, { backoff, onNotice: () => {} })
  for await (const event of gateway.candles(['*'], { timeframe: '1D', history: 1, interval: 1_000 })) quotes.day(event)
}

async function followStatuses(): Promise<void> {
  const states = new FeedStates()
  const gateway = connect(address, { backoff, onNotice: () => {} })
  for await (const status of gateway.statuses()) states.show(status)
}

async function followChart(symbol: string, timeframe: ChartTimeframe, signal: AbortSignal): Promise<void> {
  const gateway = connect(address, { backoff, onNotice: showLoss, signal })
  const changes = gateway.chart(symbol, { timeframe, history: 500 })
  chart.begin(`${symbol}, ${timeframe}`, timeframe === '1s', () => changes.older())
  for await (const change of changes) chart.apply(change)
}

/** Runs one loop of the page; why it ended is for the reader to know. */
async function run(loop: Promise<void>): Promise<void> {
  try {
    await loop
  } catch (error) {
    showAlert(error instanceof Error ? error.message : String(error))
  }
}

function choose(symbol: string | undefined, wanted: ChartTimeframe): void {
  const timeframe = fitting(symbol, wanted)
  chosen = { symbol, timeframe }
  for (const [other, button] of buttons) button.ariaPressed = String(other === timeframe)
  showTimeframes()
  if (symbol === undefined) return
  showAlert(undefined)
  history.replaceState(undefined, '', `#${encodeURIComponent(symbol)}/${timeframe}`)
  table.select(symbol)
  element('symbol').textContent = symbol
  element('address').textContent = `${address.href.replace(/^http/, 'ws')}ws?symbols=${symbol}&timeframe=${timeframe}`
  element('tail').textContent = `npx tickgate tail ${symbol} --url ${address.href.replace(/\/$/, '')}`
  showQuote(symbol)
  leaveChart.abort()
  leaveChart = new AbortController()
  void run(followChart(symbol, timeframe, leaveChart.signal))
}

/** A timeframe that the symbol has not gives way to the one that it is usually looked at in. */
function fitting(symbol: string | undefined, timeframe: ChartTimeframe): ChartTimeframe {
  const offered = seriesList.timeframesOf(symbol)
  if (offered === undefined || offered.includes(timeframe)) return timeframe
  return offered.includes('native') ? 'native' : '1m'
}

function showTimeframes(): void {
  const offered = seriesList.timeframesOf(chosen.symbol) ?? TIMEFRAMES
  for (const [timeframe, button] of buttons) button.hidden = !offered.includes(timeframe)
}

/** What the symbols are is known, or known anew. */
function listChanged(): void {
  const { symbol, timeframe } = chosen
  if (fitting(symbol, timeframe) === timeframe) showTimeframes()
  else choose(symbol, timeframe)
}

function showQuote(symbol: string): void {
  const quote = quotes.get(symbol)
  if (quote) table.show(quote)
  if (symbol !== chosen.symbol) return
  const price = quote ? formatPrice(quote.price, quote.digits) : ''
  element('last').textContent = price
  showChange(element('today'), { change: quote?.change })
  document.title = quote ? `${symbol} ${price} · tickgate` : 'tickgate'
}

function showConnection(notice: Notice): void {
  const state = element('state')
  if (notice.type === 'connected') {
    state.dataset.state = 'live'
    state.textContent = 'live'
  } else if (notice.type === 'disconnected') {
    state.dataset.state = 'connecting'
    state.textContent = 'connection lost, reconnecting'
  } else showLoss(notice)
}

/** Connections come and go with the prices' own; what is told here concerns the data. */
function showLoss(notice: Notice): void {
  if (notice.type !== 'connected' && notice.type !== 'disconnected') showAlert(describeNotice(notice))
}

function showAlert(text: string | undefined): void {
  const alert = element('alert')
  alert.hidden = text === undefined
  alert.textContent = text ?? ''
}

function timeframeButton(timeframe: ChartTimeframe): HTMLButtonElement {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = timeframe
  button.addEventListener('click', () => choose(chosen.symbol, timeframe))
  return button
}

/** What was chosen before the page was loaded again: `#BTC/1m`. */
function fromHash(): typeof chosen {
  const [symbol, text] = decodeURIComponent(location.hash.slice(1)).split('/')
  return { symbol: symbol || undefined, timeframe: CHART_TIMEFRAMES.find((timeframe) => timeframe === text) ?? '1m' }
}
