import { describe, expect, it } from 'vitest'
import { CandlePath, LATENESS_MS } from '../fakes/candle-path.ts'

const NOON = Date.UTC(2026, 10, 18, 12)
const MINUTE = 60_000
/** When the minute that starts `minutes` after noon is closed. */
const closing = (minutes: number) => NOON + (minutes + 1) * MINUTE + LATENESS_MS

/** BTC has traded in the first minute, ETH never. */
function startPath(...symbols: readonly string[]) {
  const path = new CandlePath(NOON + 10_000, 'BTC', 'ETH', ...symbols)
  path.trade('BTC', NOON + 10_000)
  path.at(NOON + 11_000)
  return path
}

describe('interval_end', () => {
  it('comes after the last final candle of its bucket, once, also where a symbol has never had a trade', async () => {
    const path = startPath()
    const client = path.watch(['BTC', 'ETH'])
    path.at(closing(0) - 1)
    expect(await client.read(NOON)).toEqual([])
    path.at(closing(0))
    path.at(closing(0) + 1_000)
    expect(await client.read(NOON)).toEqual(['BTC 0: 1 final', 'end 0'])
  })

  it('comes for a bucket in which nobody traded', async () => {
    const path = startPath()
    const client = path.watch(['BTC'])
    path.at(closing(0))
    path.at(closing(1))
    expect(await client.read(NOON)).toEqual(['BTC 0: 1 final', 'end 0', 'end 1'])
  })

  it('waits for a symbol whose trades are held back, until they are released', async () => {
    const path = startPath()
    path.trade('ETH', NOON + 20_000)
    const [both, one] = [path.watch(['BTC', 'ETH']), path.watch(['BTC'])]
    path.stream('ETH').live = false
    path.at(closing(1))
    expect(await one.read(NOON)).toEqual(['BTC 0: 1 final', 'end 0', 'end 1'])
    expect(await both.read(NOON)).toEqual(['BTC 0: 1 final'])
    path.trade('ETH', NOON + 30_000, { backfilled: true })
    path.stream('ETH').live = true
    path.at(closing(1) + 100)
    expect(await both.read(NOON)).toEqual(['ETH 0: 2 final', 'end 0', 'end 1'])
    expect(await one.read(NOON)).toEqual([])
  })

  it('waits for a symbol of a source whose clock is not known, and begins anew with it', async () => {
    const path = startPath('yahoo:NVDA')
    const client = path.watch(['BTC', 'NVDA'])
    path.at(closing(2))
    expect(await client.read(NOON)).toEqual(['BTC 0: 1 final'])
    path.trade('NVDA', NOON + 3 * MINUTE + 10_000)
    path.at(closing(3))
    expect(await client.read(NOON)).toEqual(['NVDA 3: 1 final', 'end 0', 'end 1', 'end 2', 'end 3'])
  })

  it('is not sent again when a late trade revises the candle', async () => {
    const path = startPath()
    const client = path.watch(['BTC', 'ETH'])
    path.at(closing(0))
    await client.take()
    path.trade('BTC', NOON + 20_000)
    path.trade('ETH', NOON + 20_000)
    path.at(closing(0) + 5_000)
    expect(await client.read(NOON)).toEqual(['BTC 0: 2 final 1', 'ETH 0: 1 final 1'])
  })

  it('begins with the bucket that ends after the snapshot', async () => {
    const path = startPath()
    path.at(closing(0))
    const client = path.watch(['BTC'])
    path.at(closing(0) + 1_000)
    expect(await client.read(NOON)).toEqual([])
    path.at(closing(1))
    expect(await client.read(NOON)).toEqual(['end 1'])
  })

  it('counts a symbol that is added from its answer on, though its snapshot waits for the socket', async () => {
    const path = startPath()
    const client = path.watch(['BTC'])
    client.congest()
    client.subscribe(['ETH'])
    path.at(closing(0))
    expect(await client.read(NOON)).toEqual(['BTC 0: 1 final'])
    await client.drain()
    path.at(closing(0) + 1_000)
    expect(await client.read(NOON)).toEqual(['end 0'])
  })

  it('no longer waits for a symbol that was dropped', async () => {
    const path = startPath()
    const client = path.watch(['BTC', 'ETH'])
    path.stream('ETH').live = false
    path.at(closing(0))
    client.drop('ETH')
    path.at(closing(0) + 1_000)
    expect(await client.read(NOON)).toEqual(['BTC 0: 1 final', 'end 0'])
  })

  it('is told by timeframe', async () => {
    const path = startPath()
    const client = path.watch(['BTC'], { timeframe: '5m' })
    client.subscribe(['ETH'])
    for (let minute = 0; minute < 5; minute += 1) path.at(closing(minute))
    const ends = (await client.take()).flatMap((frame) => (frame.type === 'interval_end' ? [frame.timeframe] : []))
    expect(ends.toSorted()).toEqual(['1m', '1m', '1m', '1m', '1m', '5m'])
  })

  it('comes after a candle that became final as the source’s own and waited for its interval', async () => {
    const path = startPath()
    const client = path.watch(['BTC'], { interval: 60_000 })
    const { history } = path.stream('BTC')
    const [composed] = history.window('1m').last(1)
    const whole = { ...composed!, volume: 9, trades: 9, firstId: null, lastId: null, final: true }
    for (const { candle } of history.takeSource(new Map([['1m', [whole]]]), NOON + MINUTE)) {
      path.topics.revise('BTC', candle.time)
    }
    path.at(closing(0))
    expect(await client.read(NOON)).toEqual(['BTC 0: 9 final', 'end 0'])
  })

  it('comes for the newest thousand buckets when the source’s clock jumps', async () => {
    const path = startPath()
    const client = path.watch(['BTC'])
    path.at(closing(5_000))
    const lines = await client.read(NOON)
    expect([lines.length, lines[1], lines.at(-1)]).toEqual([1_001, 'end 4001', 'end 5000'])
  })
})
