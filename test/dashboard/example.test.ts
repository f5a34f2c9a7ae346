import { chromium } from 'playwright-core'
import { expect, test } from 'vitest'
import { ScriptedGateway } from '../fakes/scripted-gateway.ts'
import { describeInBrowser } from '../servers/browser.ts'
import { serveFiles } from './static-files.ts'

const REPOSITORY = new URL('../../', import.meta.url)

describeInBrowser('examples/chart.html', (executablePath) => {
  test('runs as it stands, on the built client without a bundler', async () => {
    // As it stands but for the gateway's address, and for the policy that inline scripts would need.
    const page = serveFiles(REPOSITORY, { edit: (text, host) => text.replace('127.0.0.1:8080', host), inline: true })
    const gateway = new ScriptedGateway(['BTC'], page)
    const url = await gateway.listen()
    for (let n = 0; n < 20; n++) gateway.publish('BTC', { price: 43_000 + n })
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
    try {
      const tab = await browser.newPage()
      const failures: string[] = []
      tab.on('pageerror', (error) => failures.push(error.message))
      await tab.goto(`${url}/examples/chart.html`)
      await expect.poll(() => gateway.subscribes, { timeout: 10_000 }).toHaveLength(1)
      gateway.publish('BTC', { price: 44_000 })
      await expect.poll(() => tab.locator('canvas').count()).toBeGreaterThan(0)
      expect(gateway.subscribes[0]).toMatchObject({
        channel: 'candles',
        symbols: ['BTC'],
        timeframe: '1m',
        history: 500,
      })
      expect(failures).toEqual([])
    } finally {
      await browser.close()
      await gateway.close()
    }
  })
})
