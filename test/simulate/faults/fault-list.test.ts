import { afterEach, beforeEach, test } from 'vitest'
import { type BinanceSimulator, startBinanceSimulator } from '../../../src/simulate/binance.ts'
import type { SimulatorFaults } from '../../../src/simulate/faults/simulator-faults.ts'

let simulator: BinanceSimulator
beforeEach(async () => {
  simulator = await startBinanceSimulator()
})
afterEach(() => simulator.close())

/** What the gateway must survive, and how a schedule of faults asks for it. */
const FAULTS: readonly (readonly [string, (faults: SimulatorFaults) => void])[] = [
  ['drop frames', (faults) => faults.frames('drop', { count: 1 })],
  ['double frames', (faults) => faults.frames('double', { count: 1 })],
  ['delay frames', (faults) => faults.frames('delay', { count: 1, ms: 100 })],
  ['reorder frames', (faults) => faults.frames('reorder', { count: 2 })],
  ['send garbage', (faults) => faults.frames('garbage', { count: 1, symbol: 'BTCUSDT' })],
  ['stall silently', (faults) => faults.stall(true)],
  ['close with a close frame', (faults) => faults.closeAll({ code: 1001, reason: 'going away' })],
  ['close without a close frame', (faults) => faults.closeAll()],
  ['refuse connects', (faults) => faults.refuseConnects('reset')],
  ['refuse connects with a status', (faults) => faults.refuseConnects(503)],
  ['answer 429', (faults) => faults.rest(429, { count: 1, retryAfterS: 1 })],
  ['answer 418', (faults) => faults.rest(418, { count: 1, retryAfterS: 120 })],
  ['answer 500', (faults) => faults.rest(500, { count: 1 })],
  ['answer slowly', (faults) => faults.rest('slow', { count: 1, delayMs: 1_000 })],
  ['send serverShutdown', (faults) => faults.serverShutdown({ graceMs: 1_000 })],
]

test.each(FAULTS)('the simulator can %s, and stop it, with nobody there', (_, start) => {
  start(simulator.faults)
  simulator.faults.clear()
})
