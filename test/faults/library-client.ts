import { connect, type Notice } from '../../src/client/node.ts'
import type { Ledger } from './ledger.ts'
import type { Report } from './report.ts'

/** Follows the ticks with the client library from where the ledgers begin; what it yields is judged like any stream. */
export function followWithLibrary(name: string, url: string, ledgers: readonly Ledger[], report: Report): () => void {
  const ledgerOf = new Map(ledgers.map((ledger) => [ledger.symbol, ledger]))
  const fail = (text: string) => report.fail(`${name} ${text}`)
  const onNotice = (notice: Notice) => {
    switch (notice.type) {
      case 'gap':
        ledgerOf.get(notice.symbol)!.gap(notice)
        break
      case 'connected':
        for (const ledger of ledgers) ledger.connected()
        break
      case 'truncated':
        ledgerOf.get(notice.symbol)!.beginAnew(notice.oldest)
        break
      case 'hole':
      case 'replaced':
      case 'refused':
      case 'lost':
        fail(`noticed ${JSON.stringify(notice)}`)
        break
      default:
        report.say(`${name} noticed ${JSON.stringify(notice)}`)
    }
  }
  const gateway = connect(url, { backoff: { firstMs: 20, maxMs: 100 }, onNotice })
  const after = Object.fromEntries(ledgers.map(({ symbol, last }) => [symbol, last ?? 0]))
  const run = async () => {
    for await (const tick of gateway.ticks([...ledgerOf.keys()], { after })) ledgerOf.get(tick.symbol)!.accept(tick)
  }
  void run().catch((error) => fail(`ended: ${error}`))
  return () => gateway.close()
}
