// The load of the ingest benchmark: the simulator's frames, made before the clock runs and sent as fast as they are
// taken, again from the first to everyone who connects. Its REST side is the simulator itself, whose time stands still
// right before the first frame: a gateway that has warmed up goes on with it, without a hole.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startBinanceSimulator } from '../../src/simulate/binance.ts'
import { textFrame } from '../../src/simulate/frame.ts'
import type { SimulatedMarket } from '../../src/simulate/market.ts'
import { aggTradePayload, inEnvelope } from '../../src/simulate/stream-payload.ts'
import type { StreamPeer } from '../../src/simulate/stream-peer.ts'
import { BINANCE_RULES, serveStreams } from '../../src/simulate/stream-server.ts'
import { converse, readSetup } from './conversation.ts'

/** What one write takes: a socket's buffer, more or less. */
const CHUNK_BYTES = 64 * 1024
/** As much as the simulator lets wait. */
const FULL_BACKLOG_BYTES = 1024 * 1024

const { trades, seed } = readSetup<{ readonly trades: number; readonly seed: number }>()
const simulator = await startBinanceSimulator({ rate: 'max', seed, weightLimit: Number.POSITIVE_INFINITY })
const markets = [...simulator.markets.values()].filter(({ status }) => status === 'TRADING')
const chunks = [...record(markets, trades)]

const server = createServer((_, response) => response.writeHead(404).end())
const streams = serveStreams(server, Date.now, BINANCE_RULES)
const port = await new Promise<number>((resolve) => {
  server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
})

converse(
  {
    where: () => ({
      streamUrl: `ws://127.0.0.1:${port}`,
      restUrl: simulator.restUrl,
      symbols: markets.map(({ symbol, baseAsset }) => `${baseAsset}=${symbol}`),
    }),
    play: () => {
      for (const peer of streams.peers) play(peer)
    },
  },
  () => simulator.close(),
)

/** The next `count` trades of all markets together, in the order of their times, as the simulator would send them. */
function* record(markets: readonly SimulatedMarket[], count: number): Generator<Buffer> {
  const heads = markets.map((market) => ({ market, next: market.steps(market.nextId(Date.now())) }))
  let texts: string[] = []
  let bytes = 0
  for (let n = 0; n < count; n++) {
    const head = heads.reduce((first, other) => (other.next.time < first.next.time ? other : first))
    const { market, next } = head
    const frame = textFrame(
      inEnvelope(`${market.symbol.toLowerCase()}@aggTrade`, aggTradePayload(market, next, next.time)),
    )
    head.next = market.steps(next.id + 1)
    texts.push(frame)
    bytes += frame.length
    if (bytes < CHUNK_BYTES && n < count - 1) continue
    yield Buffer.from(texts.join(''), 'latin1')
    texts = []
    bytes = 0
  }
}

function play(peer: StreamPeer, from = 0): void {
  let chunk = from
  while (chunk < chunks.length && peer.backlogBytes < FULL_BACKLOG_BYTES) {
    const bytes = chunks[chunk++]!
    peer.write([{ stream: '', frames: [], bytes: () => bytes }])
  }
  if (chunk < chunks.length && streams.peers.has(peer)) setImmediate(() => play(peer, chunk))
}
