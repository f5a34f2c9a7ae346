import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ScriptedGateway } from '../fakes/scripted-gateway.ts'
import { describeInBrowser } from '../servers/browser.ts'
import { serveFiles } from './static-files.ts'

const BUILT = new URL('../../dist/dashboard/', import.meta.url)
describeInBrowser('the dashboard', (executablePath) => {
  let browser: Browser
  let page: Page
  let gateway: ScriptedGateway
  let url: string
  let failures: string[]

  beforeAll(async () => {
    const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']
    browser = await chromium.launch({ executablePath, args })
  })
  afterAll(() => browser?.close())

  beforeEach(async () => {
    gateway = new ScriptedGateway(['BTC', 'ETH'], serveFiles(BUILT))
    for (let n = 0; n < 90; n++) {
      gateway.publish('BTC', { price: 43_000 + n })
      gateway.publish('ETH', { price: 2_300.25 })
    }
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
