import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { startGateway } from '../../src/gateway.ts'
import { startTulipServer } from '../examples/tulip-server.ts'
import { ConnectedClient } from '../fakes/connected-client.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string) => readFile(join(ROOT, path), 'utf8')

const page = await read('docs/ADD_A_FEED.md')
const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)\n```/gm)].map(([, block = '']) => block)
const [file = '', suite = '', importLine = '', listLine = ''] = blocks

test('the file of the page is the example, but for where it stands', async () => {
  expect(`${file}\n`).toBe((await read('examples/feeds/tulip.ts')).replaceAll("'../../src/", "'../src/"))
})

test('the test of the page is in the test of the example', async () => {
  expect(await read('test/feeds/tulip.test.ts')).toContain(suite)
})

test('every kind of ids is explained', async () => {
  const kinds = /export type IdKind = (.*)/
    .exec(await read('src/feed.ts'))?.[1]
    ?.replaceAll("'", '')
    .split(' | ')
  const table = page.slice(page.indexOf('### Its ids'), page.indexOf('## 2.'))
  expect([...table.matchAll(/^\| `(\w+)` \| [^|]*\w/gm)].map(([, kind]) => kind).slice(1)).toEqual(kinds)
})

/** The folder of the feeds as it is after the page was followed. */
async function followThePage(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'tickgate-added-feed-'))
  onTestFinished(() => rm(home, { recursive: true, force: true }))
  await cp(join(ROOT, 'feeds'), join(home, 'feeds'), { recursive: true })
  for (const folder of ['src', 'node_modules']) await symlink(join(ROOT, folder), join(home, folder))
  await writeFile(join(home, 'feeds', 'tulip.ts'), `${file}\n`)
  const list = await read('feeds/index.ts')
  const added = list.replace(/(export const FEEDS[^\n]*\[\n)/, `$1${listLine}\n`)
  expect(added).not.toBe(list)
  await writeFile(join(home, 'feeds', 'index.ts'), `${importLine}\n${added}`)
  return home
}

test('a gateway with that file and that line serves its ticks', async () => {
  const venue = await startTulipServer()
  onTestFinished(venue.close)
  venue.prices.set('SEMPER-AUGUSTUS', { price: 10_000.5, time: 1_732_250_000_000 })
  const home = await followThePage()
  const { createFeeds } = (await import(pathToFileURL(join(home, 'feeds/index.ts')).href)) as {
    readonly createFeeds: typeof import('../../feeds/index.ts').createFeeds
  }
  const dataDir = join(home, 'data')
  await mkdir(dataDir)
  const config = loadConfig({ PORT: '0', DATA_DIR: dataDir, CRYPTO_SYMBOLS: '', STOCK_SYMBOLS: '', MACRO_SERIES: '' })
  const { feeds, off } = createFeeds(config, { TULIP_SYMBOLS: 'SEMPER=SEMPER-AUGUSTUS', TULIP_URL: venue.url })
  expect(feeds.map(({ name }) => name)).toEqual(['tulip'])
  const gateway = await startGateway({ config, feeds, off, dashboardDirectory: dataDir, log: createLogRecorder() })
  onTestFinished(() => gateway.close())
  await gateway.ready

  const url = gateway.url.replace('http', 'ws')
  const client = await ConnectedClient.open(`${url}/ws?symbols=SEMPER&channel=ticks&history=10`)
  onTestFinished(() => client.ws.terminate())
  const seen: unknown[] = []
  venue.prices.set('SEMPER-AUGUSTUS', { price: 10_001.25, time: 1_732_250_060_000 })
  while (seen.length < 2) {
    const frame = await client.next()
    if (frame.type === 'ws_history' && 'ticks' in frame) seen.push(...frame.ticks.map(({ id, price }) => [id, price]))
    if (frame.type === 'tick') seen.push([frame.id, frame.price])
  }
  expect(seen).toEqual([
    [1_732_250_000_000_000, 10_000.5],
    [1_732_250_060_000_000, 10_001.25],
  ])
}, 60_000)

test('without its variable the feed is off, and says how to switch it on', async () => {
  const home = await followThePage()
  const { createFeeds } = (await import(pathToFileURL(join(home, 'feeds/index.ts')).href)) as {
    readonly createFeeds: typeof import('../../feeds/index.ts').createFeeds
  }
  const config = loadConfig({ CRYPTO_SYMBOLS: '', STOCK_SYMBOLS: '', MACRO_SERIES: '' })
  expect(createFeeds(config, {}).off).toContainEqual({
    feed: 'tulip',
    reason: 'TULIP_SYMBOLS must name a symbol, is empty',
  })
})
