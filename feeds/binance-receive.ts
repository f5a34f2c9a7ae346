import { GatewayError } from '../src/base/errors.ts'
import { createPushQueue, type PushQueue } from '../src/base/push.ts'
import type { FeedEvents, Received } from '../src/feed.ts'
import type { Instrument } from '../src/market/instrument.ts'
import { BinanceConnection, type ConnectionHandlers, type ConnectionTimes } from './binance-connection.ts'
import type { ConnectBudget } from './binance-connects.ts'
import { BinanceSocket, type BinanceSocketHandlers, type SocketTimeouts } from './binance-socket.ts'

export interface ReceivePorts {
  readonly streamUrl: string
  readonly times: SocketTimeouts & ConnectionTimes
  readonly connects: ConnectBudget
  readonly now: () => number
}

/** Frames received and not yet read. At the bound the feed breaks, and the hole is filled by id after the restart. */
const QUEUE_BOUND = 65_536

/** Binance closes a connection that asks for more. */
const STREAMS_PER_SOCKET = 1_024

/** Yields the frames of all instruments' streams until the signal aborts. @throws GatewayError feed_broken */
export async function* receiveStreams(
  ports: ReceivePorts,
  instruments: readonly Instrument[],
  events: FeedEvents,
  signal: AbortSignal,
): AsyncGenerator<readonly Received<string>[]> {
  if (instruments.length === 0)
    throw new GatewayError('feed_refused', 'Binance must be asked for an instrument, was none')
  const queue = createPushQueue<Received<string>>(QUEUE_BOUND, signal)
  const disconnect = connect(ports, instruments.map(toStreamName), events, queue)
  signal.addEventListener('abort', disconnect, { once: true })
  if (signal.aborted) disconnect()
  try {
    yield* queue
  } finally {
    signal.removeEventListener('abort', disconnect)
    disconnect()
  }
}

/** Makes as many connections as the streams need; they end together, and by the returned function at once. */
function connect(
  { streamUrl, times, connects, now }: ReceivePorts,
  streams: readonly string[],
  events: FeedEvents,
  queue: PushQueue<Received<string>>,
): () => void {
  const groups = chunk(streams, STREAMS_PER_SOCKET)
  const unready = new Set(groups)
  const overlaps = new Set<readonly string[]>()
  let connections: readonly BinanceConnection[] = []
  const disconnect = () => {
    for (const connection of connections) connection.close()
  }
  const fail = (error: unknown) => {
    queue.fail(error)
    disconnect()
  }
  // Said inside a socket's callbacks: what it threw there would end the process.
  const say = (tell: () => void) => {
    try {
      tell()
    } catch (error) {
      fail(error)
    }
  }
  const handlersOf = (group: readonly string[]): ConnectionHandlers => ({
    ready() {
      unready.delete(group)
      if (unready.size === 0) say(() => events.connected())
    },
    lost() {
      unready.add(group)
      say(() => events.missing?.())
    },
    overlapping(isOverlapping) {
      const was = overlaps.size > 0
      if (isOverlapping) overlaps.add(group)
      else overlaps.delete(group)
      const is = overlaps.size > 0
      if (is !== was) say(() => events.overlapping?.(is))
    },
    heard: () => say(() => events.heard?.()),
    message(raw) {
      if (!queue.push({ raw, received: now() })) fail(tooSlow())
    },
    failed: fail,
  })
  connections = groups.map((group) => {
    const open = (handlers: BinanceSocketHandlers) => new BinanceSocket(streamUrl, group, times, handlers)
    return new BinanceConnection({ open, turn: connects.take, times }, handlersOf(group))
  })
  return disconnect
}

function toStreamName({ sourceSymbol }: Instrument): string {
  return `${sourceSymbol.toLowerCase()}@aggTrade`
}

function tooSlow(): GatewayError {
  return new GatewayError(
    'feed_broken',
    `the reader must keep up, was ${QUEUE_BOUND} frames behind: what came after them is lost`,
  )
}

function chunk<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size))
}
