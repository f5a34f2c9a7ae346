// The control: what it costs to receive the frames and to parse them, and nothing else.
import { WebSocket } from 'ws'
import { converse, readSetup } from './conversation.ts'
import { meterStretch } from './meter.ts'

const { url } = readSetup<{ readonly url: string }>()
let trades = 0
const socket = new WebSocket(url, { perMessageDeflate: false })
const opened = new Promise((resolve) => socket.once('open', resolve))
socket.on('message', (data) => {
  JSON.parse(String(data))
  trades += 1
})

converse(
  {
    ready: async () => {
      await opened
    },
    meter: ({ warmTrades, trades: all }) => meterStretch(() => trades, warmTrades, all),
  },
  () => socket.terminate(),
)
