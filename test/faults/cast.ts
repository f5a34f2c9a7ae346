import type { BinanceSimulator } from '../../src/simulate/binance.ts'
import { CandleClient } from './candle-client.ts'
import { Ledger } from './ledger.ts'
import { followWithLibrary } from './library-client.ts'
import type { Relay } from './relay.ts'
import type { Report } from './report.ts'
import type { Schedule } from './schedule.ts'
import { TickClient } from './tick-client.ts'

/** The exchange on one side, the clients on the other. */
export interface Cast {
  readonly simulator: BinanceSimulator
  readonly clients: Relay
  readonly candles: CandleClient
  /** Every client's, symbol by symbol. */
  readonly ledgers: readonly Ledger[]
  /** Those who read again what they had to leave out. */
  readonly tickClients: readonly TickClient[]
  /** Client number `client` leaves for `ms`. */
  leave(client: number, ms: number): void
  /** One more client comes, and asks for everything since the first one's beginning. */
  enter(): void
  stop(): void
}

export interface CastParts {
  readonly schedule: Schedule
  readonly simulator: BinanceSimulator
  readonly clients: Relay
  readonly report: Report
}

/** Clients of every sort; those that ask for a beginning wait until the first one knows it. */
export function createCast({ schedule, simulator, clients, report }: CastParts): Cast {
  const { symbols } = schedule
  const url = `ws://127.0.0.1:${clients.port}/ws`
  const ledgers: Ledger[] = []
  const tickClients: TickClient[] = []
  const stops: (() => void)[] = []
  let stopped = false

  const ledgersOf = (name: string) => {
    const own = symbols.map((symbol) => new Ledger(name, symbol, simulator, report))
    ledgers.push(...own)
    return own
  }
  const addTickClient = (name: string, own: readonly Ledger[]) => {
    const client = new TickClient(name, url, own, report)
    tickClients.push(client)
    stops.push(() => client.stop())
  }
  const first = ledgersOf('client 0')
  addTickClient('client 0', first)
  for (let count = 1; count < schedule.clients; count++) addTickClient(`client ${count}`, ledgersOf(`client ${count}`))
  const candles = new CandleClient('chart', url, symbols, report)
  stops.push(() => candles.stop())

  /** Ledgers that begin where the first client's do, as soon as that is known. */
  const fromTheBeginning = async (name: string, follow: (own: readonly Ledger[]) => void) => {
    const own = ledgersOf(name)
    while (!stopped && first.some(({ begin }) => typeof begin !== 'number')) {
      await report.until(() => stopped || first.every(({ begin }) => typeof begin === 'number'), 1_000)
    }
    if (stopped) return
    for (const [index, ledger] of own.entries()) ledger.beginAfter(first[index]!.begin!)
    follow(own)
  }
  void fromTheBeginning('library', (own) => stops.push(followWithLibrary('library', url, own, report)))
  let late = 0
  return {
    ...{ simulator, clients, candles, ledgers, tickClients },
    leave: (client, ms) => tickClients[client]!.leave(ms),
    enter() {
      const name = `late client ${late++}`
      void fromTheBeginning(name, (own) => addTickClient(name, own))
    },
    stop() {
      stopped = true
      for (const stop of stops) stop()
      report.wake()
    },
  }
}
