import { expect, onTestFinished, test } from 'vitest'
import { connect, type StatusMessage } from '../../src/client/node.ts'
import { startHub } from '../fakes/hub-server.ts'

test('a program follows how the feeds and tiers are: each at once, then each change', async () => {
  const live = { feed: 'binance', state: 'live', since: 1 } as const
  const off = { tier: 'redis', state: 'off', since: 2, reason: 'none is configured' } as const
  const down = { feed: 'binance', state: 'down', since: 3, reason: 'cut' } as const
  const server = await startHub({ statuses: () => [live, off] })
  onTestFinished(() => server.close())
  const seen: StatusMessage[] = []
  for await (const status of connect(`http://127.0.0.1:${server.port}`).statuses()) {
    seen.push(status)
    if (seen.length === 2) server.hub.status(down)
    if (seen.length === 3) break
  }
  expect(seen).toEqual([live, off, down].map((row) => ({ type: 'status', ...row })))
})
