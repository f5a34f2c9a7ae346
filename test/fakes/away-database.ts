import { GatewayError } from '../../src/base/errors.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Timeframe } from '../../src/market/timeframe.ts'
import { MemoryDatabase } from './memory-database.ts'

/** Its reads fail while it is away; every answer of candles is followed by `onRead`. What is written waits somewhere. */
export class AwayDatabase extends MemoryDatabase {
  isAway = false
  onRead: () => void | Promise<void> = () => {}

  override async instruments() {
    this.#reach()
    return super.instruments()
  }

  override async gaps() {
    this.#reach()
    return super.gaps()
  }

  override async candles(instrument: Instrument, timeframe: Timeframe, limit: number) {
    this.#reach()
    const candles = await super.candles(instrument, timeframe, limit)
    await this.onRead()
    return candles
  }

  #reach(): void {
    if (this.isAway) throw new GatewayError('tier_unavailable', 'the database must answer, but it is away')
  }
}
