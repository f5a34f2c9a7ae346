import type { Clock } from '../base/clock.ts'
import { describeError } from '../base/errors.ts'
import { createPushQueue } from '../base/push.ts'
import { decodeMessage, type ErrorMessage, type ServerMessage, type Steer, type Subscribe } from './messages.ts'
import type { OpenSocket, Socket } from './socket.ts'
import { createWatchdog } from './watchdog.ts'

/** How a connection ended; `code` is undefined when this side ended it. */
export interface Ending {
  readonly code?: number
  readonly reason: string
}

/** What it takes to open one. */
export interface Dialing {
  readonly url: URL
  readonly token: string | undefined
  readonly open: OpenSocket
  readonly clock: Clock
  /** Frames that may wait for the consumer; each row of a history counts as one. */
  readonly bufferedFrames: number
}

/** One connection, from its opening to its end. */
export interface Link {
  /** Settles once: whether it opened. */
  readonly opened: Promise<boolean>
  /** Everything heard, in order, in batches as the consumer comes for it; ends with the connection. */
  readonly messages: AsyncIterable<readonly ServerMessage[]>
  readonly ending: Ending | undefined
  /** The last error that concerned the whole connection: the words that belong to a close code. */
  readonly complaint: ErrorMessage | undefined
  send(request: Subscribe | Steer): void
  /** Gives the connection up, saying why; what was heard is still read. */
  cut(reason: string): void
}

const MAX_SILENCE_BEFORE_WELCOME_MS = 35_000
const BROKEN = 1006

export function openLink({ url, token, open, clock, bufferedFrames }: Dialing): Link {
  const queue = createPushQueue(bufferedFrames, undefined, weightOf)
  const watchdog = createWatchdog(
    MAX_SILENCE_BEFORE_WELCOME_MS,
    () => end({ reason: 'the gateway fell silent' }),
    clock,
  )
  let socket: Socket | undefined
  let ending: Ending | undefined
  let complaint: ErrorMessage | undefined
  let settleOpened: (opened: boolean) => void
  const opened = new Promise<boolean>((resolve) => {
    settleOpened = resolve
  })

  function end(how: Ending) {
    if (ending) return
    ending = how
    watchdog.stop()
    queue.end()
    settleOpened(false)
    socket?.close()
  }

  function hear(data: string) {
    if (ending) return
    watchdog.heard()
    const message = decodeMessage(data)
    if (!message) return end({ reason: 'a frame was no message' })
    // Late by one heartbeat is a slow network; two and a bit is no network.
    if (message.type === 'welcome') watchdog.allow(2 * message.heartbeat + 5_000)
    if (message.type === 'error' && message.symbol === undefined) complaint = message
    if (!queue.push(message)) end({ reason: 'the consumer is slower than the stream: going on from its last tick' })
  }

  try {
    socket = open(url, token, {
      opened: () => settleOpened(true),
      message: hear,
      closed: (code, reason) => end({ code, reason: reason || `close code ${code}` }),
    })
  } catch (error) {
    // A browser throws for an address it forbids; to the caller it is one more connection that did not open.
    end({ code: BROKEN, reason: describeError(error) })
  }

  return {
    opened,
    messages: queue,
    get ending() {
      return ending
    },
    get complaint() {
      return complaint
    },
    send: (request) => {
      if (!ending) socket?.send(JSON.stringify(request))
    },
    cut: (reason) => end({ reason }),
  }
}

function weightOf(message: ServerMessage): number {
  if (message.type !== 'ws_history') return 1
  // A channel that is not known here may have rows of another name.
  const rows = 'ticks' in message ? message.ticks : 'candles' in message ? message.candles : []
  return 1 + rows.length
}
