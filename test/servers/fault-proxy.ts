import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createPump } from './fault-pump.ts'

/**
 * What the wire does. `pass`: nothing bad. `refuse`: nobody listens; open connections are reset. `reset`: every
 * connection is reset, open ones now and new ones at once. `black-hole`: open connections and new ones stay open and
 * carry nothing, ever again: as when a firewall has forgotten them; only connections made after it work. `stall`: bytes
 * wait, and arrive when it is over. `delay`: every byte arrives later, each way. `throttle`: so many bytes a second,
 * each way and connection.
 */
export type Fault =
  | { readonly kind: 'pass' | 'refuse' | 'reset' | 'black-hole' | 'stall' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }

export interface FaultCounters {
  /** Connections that were made to the proxy, and those open now. */
  readonly connections: number
  readonly open: number
  /** Connections that the proxy has reset. */
  readonly resets: number
  /** Bytes that arrived at the server, and at its clients. */
  readonly bytesToServer: number
  readonly bytesToClients: number
  /** Bytes that a black hole took. */
  readonly bytesLost: number
}

/** A TCP port of 127.0.0.1 between a client and a server, whose faults are chosen while it runs. */
export interface FaultProxy {
  readonly port: number
  readonly counters: FaultCounters
  /** The URL of the server by way of the proxy: the same user, password, path and query. */
  through(url: string): string
  /** From now on, for open connections too. Resolves when it holds. */
  set(fault: Fault | Exclude<Fault['kind'], 'delay' | 'throttle'>): Promise<void>
  /** Resets every open connection once; new ones are treated as before. */
  cut(): void
  close(): Promise<void>
}

interface Connection {
  readonly isOpen: boolean
  /** What is on the way may move, or is lost. */
  follow(fault: Fault): void
  reset(): void
}

/** Opens a proxy to a port of 127.0.0.1 that passes everything on. The server need not be there yet. */
export async function openFaultProxy(target: number): Promise<FaultProxy> {
  let fault: Fault = { kind: 'pass' }
  const connections = new Set<Connection>()
  const counters = { connections: 0, resets: 0, bytesToServer: 0, bytesToClients: 0, bytesLost: 0 }

  const accept = (near: Socket) => {
    counters.connections += 1
    const far = connect(target, '127.0.0.1')
    const connection = carry(near, far, fault, counters, () => connections.delete(connection))
    connections.add(connection)
    if (fault.kind === 'reset') connection.reset()
  }
  const server = createServer({ noDelay: true }, accept)
  const port = await listen(server, 0)
  const cut = () => {
    for (const connection of connections) connection.reset()
  }
  return {
    port,
    get counters(): FaultCounters {
      return { ...counters, open: [...connections].filter(({ isOpen }) => isOpen).length }
    },
    through(url) {
      const proxied = new URL(url)
      proxied.hostname = '127.0.0.1'
      proxied.port = String(port)
      return proxied.href
    },
    async set(chosen) {
      fault = typeof chosen === 'string' ? { kind: chosen } : chosen
      if (fault.kind === 'refuse' && server.listening) server.close()
      if (fault.kind === 'refuse' || fault.kind === 'reset') cut()
      for (const connection of connections) connection.follow(fault)
      if (fault.kind !== 'refuse' && !server.listening) await listen(server, port)
    },
    cut,
    async close() {
      fault = { kind: 'reset' }
      const closed = server.listening ? once(server, 'close') : undefined
      if (server.listening) server.close()
      cut()
      await closed
    },
  }
}

type Counted = { -readonly [Name in keyof Omit<FaultCounters, 'open'>]: number }

function carry(near: Socket, far: Socket, first: Fault, counters: Counted, onGone: () => void): Connection {
  let fault = first
  const pump = (from: Socket, to: Socket, direction: 'bytesToServer' | 'bytesToClients') =>
    createPump(from, to, {
      fault: () => fault,
      onMoved(bytes) {
        counters[direction] += bytes
      },
      onLost(bytes) {
        counters.bytesLost += bytes
      },
      // A black hole carries no end either.
      onEnded: () => fault.kind !== 'black-hole' && to.destroy(),
    })
  const pumps = [pump(near, far, 'bytesToServer'), pump(far, near, 'bytesToClients')]
  for (const socket of [near, far]) socket.on('close', () => near.destroyed && far.destroyed && onGone())
  return {
    get isOpen() {
      return !near.destroyed
    },
    follow(next) {
      if (fault.kind !== 'black-hole') fault = next
      for (const { move } of pumps) move()
    },
    reset() {
      if (!near.destroyed) counters.resets += 1
      near.resetAndDestroy()
      far.destroy()
    },
  }
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
