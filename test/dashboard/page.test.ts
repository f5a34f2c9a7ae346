import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createGate } from '../../src/base/gate.ts'
import { ScriptedGateway } from '../fakes/scripted-gateway.ts'
import { describeInBrowser } from '../servers/browser.ts'
import { createScriptedCharts, type ScriptedCharts } from './scripted-charts.ts'
import { serveFiles } from './static-files.ts'

const BUILT = new URL('../../dist/dashboard/', import.meta.url)
describeInBrowser('the dashboard', (executablePath) => {
  let browser: Browser
  let page: Page
  let gateway: ScriptedGateway
  let charts: ScriptedCharts
  const files = serveFiles(BUILT)
  let url: string
  let failures: string[]
  /** What the gateway says that its symbols are. */
  let classes: ReadonlyMap<string, string>

  beforeAll(async () => {
    const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']
    browser = await chromium.launch({ executablePath, args })
  })
  afterAll(() => browser?.close())

  beforeEach(async () => {
    charts = createScriptedCharts()
    classes = new Map([
      ['BTC', 'crypto'],
      ['ETH', 'crypto'],
    ])
    gateway = new ScriptedGateway(['BTC', 'ETH'], (request, response) => {
      if (request.url === '/api/v1/instruments') {
        const instruments = [...classes].map(([symbol, assetClass]) => ({ symbol, assetClass }))
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ instruments }))
      } else if (!charts.answer(request, response)) files(request, response)
    })
    for (let n = 0; n < 90; n++) {
      gateway.publish('BTC', { price: 43_000 + n })
      gateway.publish('ETH', { price: 2_300.25 })
    }
    gateway.statuses = [
      { feed: 'binance', state: 'live', since: 1 },
      { tier: 'redis', state: 'off', since: 2, reason: 'none is configured' },
    ]
    url = await gateway.listen()
    page = await browser.newPage({ locale: 'en-US' })
    failures = []
    page.on('pageerror', (error) => failures.push(error.message))
    page.on(
      'request',
      (request) =>
        new URL(request.url()).host === new URL(url).host ||
        request.url().startsWith('data:') ||
        failures.push(request.url()),
    )
    await page.goto(url)
  })
  afterEach(async () => {
    await page.close()
    await gateway.close()
    expect(failures).toEqual([])
  })

  const row = (symbol: string) => page.getByRole('row', { name: symbol })
  const chart = () => page.locator('#chart')
  const state = () => page.getByRole('status')
  const shows = async (locator: () => ReturnType<typeof chart>, text: string | RegExp) =>
    expect.poll(() => locator().textContent(), { timeout: 10_000 }).toMatch(text)
  const draws = async (text: string) =>
    expect.poll(() => chart().getAttribute('aria-label'), { timeout: 10_000 }).toContain(text)

  test('shows every price, and the first symbol as candles', async () => {
    await shows(() => row('BTC'), '43,089.00')
    await shows(() => row('ETH'), '2,300.25')
    await draws('BTC, 1m: 90 candles, last close 43,089.00')
    expect(await state().textContent()).toBe('live')
  })

  test('shows how each feed and tier is, and why', async () => {
    const feeds = () => page.getByRole('list', { name: 'Feeds and tiers' })
    await expect.poll(() => feeds().getByRole('listitem').allTextContents()).toEqual(['binance', 'redis off'])
    gateway.send('status', '*', { type: 'status', feed: 'binance', state: 'down', since: 5, reason: 'the line is cut' })
    await expect.poll(() => feeds().getByRole('listitem').allTextContents()).toEqual(['binance down', 'redis off'])
    expect(await feeds().getByRole('listitem').first().getAttribute('title')).toContain('the line is cut, since')
  })

  test('follows prices and candles', async () => {
    await draws('90 candles')
    gateway.publish('BTC', { price: 44_444 })
    await shows(() => row('BTC'), '44,444.00')
    await draws('44,444.00')
  })

  test('changes the symbol by click and by keyboard, and the timeframe', async () => {
    await draws('BTC, 1m')
    await row('ETH').click()
    await draws('ETH, 1m: 90 candles, last close 2,300.25')
    await row('BTC').getByRole('button').press('Enter')
    await draws('BTC, 1m')
    await page.getByRole('button', { name: '5m', exact: true }).click()
    await draws('BTC, 5m')
    const asked = { channel: 'candles', symbols: ['BTC'], timeframe: '5m' }
    await expect.poll(() => gateway.subscribes.at(-1)).toMatchObject(asked)
  })

  test('offers of a series the timeframes that it has, and of the others theirs', async () => {
    const button = (name: string) => page.getByRole('button', { name, exact: true })
    await draws('BTC, 1m')
    await expect.poll(() => button('native').isVisible()).toBe(false)
    classes = new Map([...classes, ['ETH', 'macro']])
    await page.reload()
    await draws('BTC, 1m')
    await row('ETH').click()
    await draws('ETH, native')
    const shown = () => Promise.all(['native', '1W', '1h'].map((name) => button(name).isVisible()))
    await expect.poll(shown).toEqual([true, true, false])
    await button('1D').click()
    await draws('ETH, 1D')
    await row('BTC').click()
    await draws('BTC, 1D')
    await row('ETH').click()
    await button('native').click()
    await row('BTC').click()
    await draws('BTC, 1m')
  })

  test('keeps the choice over a reload', async () => {
    await draws('BTC')
    await row('ETH').click()
    await draws('ETH, 1m')
    await page.reload()
    await draws('ETH, 1m')
  })

  test('says that the connection is lost and recovers when the gateway is back', async () => {
    await draws('90 candles')
    gateway.starting = true
    gateway.cut()
    await shows(state, 'connection lost')
    for (let n = 0; n < 10; n++) gateway.publish('BTC', { price: 50_000 + n })
    gateway.starting = false
    await shows(state, 'live')
    await shows(() => row('BTC'), '50,009.00')
    await draws('100 candles, last close 50,009.00')
  })

  /** Pulls the chart to the right by so many pixels. */
  async function pull(pixels: number) {
    const box = (await chart().boundingBox())!
    const [x, y] = [box.x + box.width / 4, box.y + box.height / 2]
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + pixels, y, { steps: 4 })
    await page.mouse.up()
  }

  test('shows what came before the candles that it was given, back to the first one', async () => {
    charts.history = 2_500
    await row('ETH').click()
    await draws('ETH, 1m: 1090 candles')
    const isAll = async () => (await chart().getAttribute('aria-label'))?.includes('2590 candles')
    for (let steps = 0; steps < 60 && !(await isAll()); steps++) {
      await pull(500)
      await page.mouse.wheel(0, 400)
    }
    await draws('ETH, 1m: 2590 candles, last close 2,300.25')
    const last = charts.asked.length
    await pull(400)
    await draws('2590 candles')
    expect(charts.asked.slice(last)).toEqual([])
    expect(new Set(charts.asked).size).toBe(charts.asked.length)
  })

  test('stays where it is while older candles come in', async () => {
    charts.history = 3_000
    await row('ETH').click()
    await draws('1090 candles')
    const gate = createGate()
    charts.before = () => gate.opened
    const asked = charts.asked.length
    while (charts.asked.length === asked) await pull(200)
    const before = await inView()
    expect(before[0]).toBeLessThan(Date.UTC(2026, 0, 5))
    gate.open()
    await draws('2090 candles')
    const after = await inView()
    // The labels of the price axis may be a little narrower or wider than they were.
    for (const [index, time] of after.entries()) expect(Math.abs(time - before[index]!)).toBeLessThanOrEqual(60_000)
  })

  test('asks again for older candles when they could not be had', async () => {
    charts.history = 500
    charts.complete = false
    await row('ETH').click()
    await expect.poll(() => charts.asked.filter((path) => path.includes('ETH')).length).toBe(1)
    await draws('ETH, 1m: 90 candles')
    charts.complete = true
    await draws('ETH, 1m: 590 candles')
  })

  /** The times of the first and the last candle in view, when two looks at them are the same. */
  async function inView(): Promise<readonly number[]> {
    let label = ''
    await expect
      .poll(async () => {
        const before = label
        label = (await chart().getAttribute('aria-label')) ?? ''
        return label === before
      })
      .toBe(true)
    const [, ...times] = /in view (.*) to (.*)/.exec(label) ?? []
    return times.map((time) => Date.parse(`${time}Z`))
  }

  test('tells in words what was refused', async () => {
    await draws('BTC')
    gateway.answer = ({ id, symbols: [symbol = ''] }, send) => {
      send({ type: 'error', id, code: 'bad_timeframe', message: 'GDP has no 1s candles', retry: false, symbol })
      return true
    }
    await page.getByRole('button', { name: '1s', exact: true }).click()
    await shows(() => page.getByRole('alert'), 'GDP has no 1s candles')
  })
})
