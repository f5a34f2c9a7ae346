import { setTimeout as sleep } from 'node:timers/promises'
import type { SimulatedMarket } from '../../src/simulate/market.ts'
import type { MemoryTier } from '../../src/tiers/memory/memory.ts'

/** Market time that passes at once: within LATENESS_MS it does not matter which symbol's trades are sent first. */
const STEP_MS = 1_500
/** The simulator sends what its clock has passed every 5 ms. */
const PAUSE_MS = 5
/** No more is played while so many trades are on their way. */
const MOST_ON_THEIR_WAY = 5_000
const MAX_SECONDS = 300

/** The simulator's wall clock: it stands still until the gateway is ready, then runs as fast as that takes the trades. */
export class Player {
  #time = Date.now()

  readonly now = (): number => this.#time

  /** Resolves when memory has every trade of these markets. */
  async play(markets: readonly SimulatedMarket[], memory: MemoryTier): Promise<void> {
    const deadline = performance.now() + MAX_SECONDS * 1_000
    for (;;) {
      const missing = markets.map(
        (market) => market.nextId(this.#time) - 1 - (memory.stream(market.symbol)?.cursor ?? market.firstId - 1),
      )
      const onTheirWay = missing.reduce((sum, trades) => sum + trades, 0)
      const isOver = markets.every((market) => market.nextId(this.#time) === market.idAt(Number.POSITIVE_INFINITY))
      if (isOver && onTheirWay === 0) return
      if (performance.now() > deadline) throw new Error(`a recording must be played within ${MAX_SECONDS} s`)
      if (!isOver && onTheirWay < MOST_ON_THEIR_WAY) this.#time += STEP_MS
      await sleep(PAUSE_MS)
    }
  }
}
