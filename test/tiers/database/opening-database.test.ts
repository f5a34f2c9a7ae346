import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/base/errors.ts'
import type { Instrument } from '../../../src/market/instrument.ts'
import type { Batch, Database } from '../../../src/tiers/database/database.ts'
import { OpeningDatabase } from '../../../src/tiers/database/opening-database.ts'
import { MemoryDatabase } from '../../fakes/memory-database.ts'
import { BTC, batch, candle, ETH, NOON, ticks, update } from '../fixtures.ts'

/** A database that knows in which order it was told what, and whose next registrations fail with `failures`. */
class RecordingDatabase extends MemoryDatabase {
  readonly calls: string[] = []
  readonly failures: Error[] = []

  override async register(instruments: readonly Instrument[]) {
    this.calls.push(`register ${instruments.map(({ symbol }) => symbol).join(' ')}`)
    const failure = this.failures.shift()
    if (failure) throw failure
    await super.register(instruments)
  }

  override async write(written: Batch) {
    this.calls.push('write')
    await super.write(written)
  }
}

function createSubject() {
  const database = new RecordingDatabase()
  let open = () => {}
  let fail: (error: Error) => void = () => {}
  const opening = new Promise<Database>((resolve, reject) => {
    open = () => resolve(database)
    fail = reject
  })
  return { database, open, fail, subject: new OpeningDatabase('pglite', opening) }
}

describe('a new database that is still being made', () => {
  it('is empty to whoever reads it, at once', async () => {
    const { subject } = createSubject()
    await subject.register([BTC])
    expect(subject.kind).toBe('pglite')
    expect(await subject.instruments()).toEqual([])
    expect(await subject.ticksAfter(BTC, 0, 10)).toEqual([])
    expect(await subject.ticksBefore(BTC, undefined, 10)).toEqual([])
    expect(await subject.candles(BTC, '1m', 10)).toEqual([])
    expect(await subject.gaps(BTC)).toEqual([])
  })

  it('takes writes when it is there, after the instruments they name', async () => {
    const { subject, database, open } = createSubject()
    await subject.register([BTC])
    await subject.register([ETH])
    const written = subject.write(
      batch({ ...ticks(BTC, update(1)), candles: [{ instrument: BTC, timeframe: '1m', candle: candle(NOON) }] }),
    )
    expect(database.calls).toEqual([])
    open()
    await written
    await subject.write(ticks(BTC, update(2)))
    expect(database.calls).toEqual(['register BTC ETH', 'write', 'write'])
    expect(await subject.instruments()).toEqual([BTC, ETH])
    expect(await subject.ticksAfter(BTC, 0, 10)).toEqual([update(1), update(2)])
    expect(await subject.candles(BTC, '1m', 10)).toEqual([candle(NOON)])
  })

  it('registers at once when it is there', async () => {
    const { subject, database, open } = createSubject()
    open()
    await subject.write(batch({}))
    await subject.register([BTC])
    await subject.write(ticks(BTC, update(1)))
    expect(database.calls).toEqual(['write', 'register BTC', 'write'])
    const again = subject.register([{ ...BTC, priceDigits: 4 }])
    expect(await subject.ticksAfter(BTC, 0, 10)).toEqual([update(1)])
    await again
  })

  it('tries a registration that failed again with each write, and reads as empty until then', async () => {
    const { subject, database, open } = createSubject()
    await subject.register([BTC])
    database.failures.push(new GatewayError('row_refused', 'the row is to blame'), new Error('out of memory'))
    open()
    // Not row_refused: the writer would let the batch go.
    const refused = { code: 'tier_unavailable', message: expect.stringContaining('the row is to blame') }
    await expect(subject.write(ticks(BTC, update(1)))).rejects.toMatchObject(refused)
    database.ticks.push(update(9))
    expect(await subject.ticksAfter(BTC, 0, 10)).toEqual([])
    await expect(subject.register([ETH])).rejects.toThrow('out of memory')
    await subject.write(ticks(BTC, update(1)))
    expect(database.calls).toEqual(['register BTC', 'register BTC ETH', 'register BTC ETH', 'write'])
    expect(await subject.ticksAfter(BTC, 0, 10)).toHaveLength(2)
  })

  it('fails every write with the error that ended the opening, and is empty still', async () => {
    const { subject, fail } = createSubject()
    await subject.register([BTC])
    const first = subject.write(ticks(BTC, update(1)))
    fail(new GatewayError('config_invalid', 'DATA_DIR must be writable'))
    for (const write of [first, subject.write(ticks(BTC, update(1)))]) {
      await expect(write).rejects.toMatchObject({ code: 'config_invalid' })
    }
    await subject.register([ETH])
    expect(await subject.ticksAfter(BTC, 0, 10)).toEqual([])
    await subject.close()
  })
})
