// A client on one socket that asks for the history of one symbol after the other, and takes the time of each.
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { converse, readSetup } from './conversation.ts'

interface Setup {
  readonly url: string
  readonly symbols: readonly string[]
}

const { url, symbols } = readSetup<Setup>()
const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, { perMessageDeflate: false })
await once(socket, 'open')
let take = (_text: string) => {}
socket.on('message', (data) => take(String(data)))
socket.on('close', (code, reason) => {
  if (process.connected) throw new Error(`the gateway must keep its client, closed it with ${code} ${reason}`)
})

converse(
  {
    /** From the request to the end of the last part, in ms; and how many rows of them all were the database's. */
    read: async ({ rows }) => {
      const delays: number[] = []
      let fromDatabase = 0
      for (const symbol of symbols) {
        const started = performance.now()
        fromDatabase += await history(symbol, rows)
        delays.push(performance.now() - started)
        socket.send(JSON.stringify({ op: 'unsubscribe', channel: 'candles', symbols: [symbol], timeframe: '1m' }))
      }
      return { delays, fromDatabase }
    },
  },
  () => socket.terminate(),
)

/** Resolves with the rows that came from the database, when all of them are here. */
function history(symbol: string, rows: number): Promise<number> {
  socket.send(
    JSON.stringify({ op: 'subscribe', channel: 'candles', symbols: [symbol], timeframe: '1m', history: rows }),
  )
  return new Promise((resolve) => {
    const counts: Record<string, number> = {}
    take = (text) => {
      if (text.startsWith('{"type":"error"')) throw new Error(`there must be a history, was ${text}`)
      if (!text.startsWith('{"type":"ws_history"')) return
      const part = JSON.parse(text)
      if (part.symbol !== symbol) return
      counts[part.tier] = (counts[part.tier] ?? 0) + part.candles.length
      if (!part.more) resolve(counts.database ?? 0)
    }
  })
}
