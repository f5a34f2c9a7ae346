import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import type { ServerMessage } from '../../src/wire/messages.ts'
import { type DeepClient, DeepPath, WINDOW } from '../fakes/deep-path.ts'

const MINUTE = 60_000

/** A stream with a candle a minute, of which memory holds the newest eight. */
async function path(minutes: number, options?: { readonly maxBytes: number }): Promise<DeepPath> {
  const made = new DeepPath(options)
  for (let minute = 0; minute < minutes; minute += 1) made.trade(minute)
  made.take()
  made.commit()
  await nextTurn()
  return made
}

const minutes = (client: DeepClient) => client.rows().map(([time]) => time / MINUTE)
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)
const parts = (client: DeepClient) =>
  client.frames.filter((frame): frame is ServerMessage<'ws_history'> => frame.type === 'ws_history')

async function joined(client: DeepClient): Promise<void> {
  for (let turn = 0; turn < 50 && !client.isJoined; turn += 1) await nextTurn()
  await client.started
}

describe('a candle history deeper than memory’s window', () => {
  it('is read from the database for what is older, in parts, and says of each part where it is from', async () => {
    const made = await path(30)
    const client = made.watch(14)
    await joined(client)
    expect(minutes(client)).toEqual(range(16, 30))
    const told = parts(client).map(({ tier, more, cursor }) => [tier, more, cursor])
    expect(told).toEqual([
      ['database', true, 19],
      ['database', true, 22],
      ['memory', true, 25],
      ['memory', true, 28],
      ['memory', false, 30],
    ])
  })

  it('is memory’s alone, in the turn of its subscribe, where that is enough', async () => {
    const made = await path(30)
    const client = made.watch(WINDOW)
    await client.started
    expect(minutes(client)).toEqual(range(22, 30))
    expect(made.database.reads).toBe(0)
  })

  it('is read once for all who ask meanwhile and after, as long as the window has not rolled far', async () => {
    const made = await path(40)
    made.database.hold()
    const clients = [20, 18, 20, 17].map((history) => made.watch(history))
    await nextTurn()
    made.database.held[0]!.release()
    for (const client of clients) await joined(client)
    expect(clients.map((client) => minutes(client).length)).toEqual([20, 18, 20, 17])
    for (const minute of [40, 41, 42]) made.trade(minute)
    const later = made.watch(20)
    await joined(later)
    expect(minutes(later)).toEqual(range(23, 43))
    expect(made.database.reads).toBe(1)
  })

  it('has every candle once when the window rolls on while it is read', async () => {
    const made = await path(30)
    made.database.hold()
    const client = made.watch(20)
    await nextTurn()
    for (const minute of [30, 31, 32]) made.trade(minute)
    made.database.held[0]!.release()
    await joined(client)
    expect(minutes(client)).toEqual([...range(10, 33)].slice(-20))
  })

  it('is read again when the window has rolled out of reach of what was read', async () => {
    const made = await path(30)
    made.database.hold()
    const client = made.watch(20)
    await nextTurn()
    for (let minute = 30; minute < 45; minute += 1) made.trade(minute)
    made.take()
    made.commit()
    made.database.hold(false)
    made.database.held[0]!.release()
    await joined(client)
    expect(minutes(client)).toEqual(range(25, 45))
    expect(made.database.reads).toBe(2)
  })

  it('holds a candle behind the window as it was mended after somebody else’s read', async () => {
    const made = await path(30)
    await joined(made.watch(20))
    made.mend(15)
    const client = made.watch(20)
    await joined(client)
    expect(client.rows().find(([time]) => time === 15 * MINUTE)?.[5]).toBe(2)
    expect(made.database.reads).toBe(2)
  })

  it('waits for candles that have left the window and are not stored yet', async () => {
    const made = await path(30)
    for (let minute = 30; minute < 45; minute += 1) made.trade(minute)
    const client = made.watch(20)
    await nextTurn()
    expect([made.database.reads, client.isJoined]).toEqual([0, false])
    made.commit()
    await joined(client)
    expect(minutes(client)).toEqual(range(25, 45))
  })

  it('begins where memory begins, and says so, when the database cannot be asked', async () => {
    const made = await path(30)
    made.database.hold()
    const client = made.watch(20)
    await nextTurn()
    made.database.held[0]!.fail(new GatewayError('tier_unavailable', 'away'))
    await joined(client)
    expect(minutes(client)).toEqual(range(22, 30))
    expect(parts(client)[0]).toMatchObject({ tier: 'memory', truncated: true })
    made.database.hold(false)
    const later = made.watch(20)
    await joined(later)
    expect(minutes(later)).toEqual(range(10, 30))
  })

  it('is all there is when less is stored, and then nobody asks again', async () => {
    const made = await path(12)
    for (const client of [made.watch(60), made.watch(60)]) {
      await joined(client)
      expect(minutes(client)).toEqual(range(0, 12))
      expect(parts(client)[0]?.truncated).toBeUndefined()
    }
    expect(made.database.reads).toBe(1)
  })

  it('goes out a part at a time, as its client takes them', async () => {
    const made = await path(30)
    const client = made.watch(20)
    client.onPart = () => client.congest()
    for (let turn = 0; turn < 5; turn += 1) await nextTurn()
    expect(minutes(client)).toEqual(range(10, 13))
    for (let minute = 30; minute < 33; minute += 1) made.trade(minute)
    for (let turn = 0; turn < 10; turn += 1) {
      client.drain()
      await nextTurn()
    }
    expect(minutes(client)).toEqual(range(10, 33))
  })

  it('has empty buckets filled, the older ones and those between older and newer', async () => {
    const made = new DeepPath()
    for (const minute of [0, 3, 4, 9, 11, 12, 13, 16, 17, 18, 19]) made.trade(minute)
    made.take()
    made.commit()
    const client = made.watch(18, { fill: true })
    await joined(client)
    expect(minutes(client)).toEqual(range(2, 20))
  })

  it('has empty buckets filled as deep as it asks, whoever asked for less before', async () => {
    const made = new DeepPath()
    for (let minute = 0; minute <= 60; minute += 2) made.trade(minute)
    made.take()
    made.commit()
    for (const history of [20, 32, 17]) {
      const client = made.watch(history, { fill: true })
      await joined(client)
      expect(minutes(client)).toEqual(range(61 - history, 61))
    }
    expect(made.database.reads).toBe(1)
  })

  it('says so when it is shorter than asked for, because too many buckets had no trade, and not the whole', async () => {
    const made = await path(30)
    const { candlesBefore } = made.source
    made.source.candlesBefore = async (symbol, timeframe, before) => {
      const older = await candlesBefore(symbol, timeframe, before, 5)
      return { ...older, hasOlder: true }
    }
    for (const [history, isTruncated] of [
      [20, true],
      [13, undefined],
    ] as const) {
      const client = made.watch(history)
      await joined(client)
      expect(minutes(client)).toEqual(range(17, 30))
      expect(parts(client).map(({ truncated }) => truncated)).toEqual([
        isTruncated,
        ...parts(client)
          .slice(1)
          .map(() => undefined),
      ])
    }
  })

  it('loses no candle that begins in the moment after its last part', async () => {
    const made = await path(30)
    const client = made.watch(20)
    client.onPart = ({ more }) => {
      if (!more) queueMicrotask(() => made.trade(30))
    }
    await joined(client)
    made.trade(31)
    await nextTurn()
    await nextTurn()
    const told = client.frames.flatMap((frame) => (frame.type === 'candle' ? [frame.time / MINUTE] : []))
    expect(told).toEqual([30, 31])
  })

  it('takes no more memory than is allowed', async () => {
    const made = await path(60, { maxBytes: 1_000 })
    await joined(made.watch(40))
    expect(made.pages.size).toBeLessThanOrEqual(1_000)
  })
})
