import { once } from 'node:events'
import { WebSocket } from 'ws'

/** A client of the gateway, on a real socket in this process. */
export interface Subscriber {
  /** Ticks received, each of which followed the one before it. */
  readonly ticks: number
  close(): void
}

/** Takes every tick of one symbol and the minute candles of another, and holds the ticks to be without a hole. */
export async function subscribe(gatewayUrl: string, tickSymbol: string, candleSymbol: string): Promise<Subscriber> {
  const socket = new WebSocket(`${gatewayUrl.replace('http', 'ws')}/ws`, { perMessageDeflate: false })
  let ticks = 0
  let last: number | null | undefined
  let granted = 0
  let tellGranted = () => {}
  const bothGranted = new Promise<void>((resolve) => {
    tellGranted = resolve
  })
  socket.on('message', (data) => {
    const message = JSON.parse(String(data))
    if (message.type === 'error' || message.type === 'gap') throw new Error(`the stream must be whole, was ${data}`)
    if (message.type === 'ws_history' && message.channel === 'ticks') last = message.cursor
    if (message.type === 'ws_history' && ++granted === 2) tellGranted()
    if (message.type !== 'tick') return
    if (message.prev !== last) throw new Error(`tick ${message.id} must follow ${last}, was after ${message.prev}`)
    last = message.id
    ticks += 1
  })
  let leaving = false
  socket.on('close', (code, reason) => {
    if (!leaving) throw new Error(`the gateway must keep its subscriber, was closed with ${code} ${reason}`)
  })
  await once(socket, 'open')
  const ask = (fields: object) => socket.send(JSON.stringify({ op: 'subscribe', ...fields }))
  ask({ id: 1, channel: 'ticks', symbols: [tickSymbol], history: 0 })
  ask({ id: 2, channel: 'candles', symbols: [candleSymbol], timeframe: '1m', history: 10 })
  await bothGranted
  return {
    get ticks() {
      return ticks
    },
    close() {
      leaving = true
      socket.terminate()
    },
  }
}
