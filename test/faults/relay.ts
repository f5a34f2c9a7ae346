import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP port that stays while what is behind it comes and goes: where a test cuts the wire. */
export interface Relay {
  readonly port: number
  /** New connections go to this port of 127.0.0.1 from now on; undefined: they are cut at once. */
  aim(port: number | undefined): void
  /** Ends every connection in the middle of whatever it carries. */
  cut(): void
  close(): Promise<void>
}

export async function openRelay(target?: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    // A cut connection says so on both sides, each in its own way; both are dealt with by the close.
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    return socket
  }
  const server = createServer((near) => {
    keep(near)
    if (target === undefined) return near.destroy()
    const far = keep(connect(target, '127.0.0.1'))
    near.pipe(far).pipe(near)
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
    return undefined
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    aim(port) {
      target = port
    },
    cut,
    async close() {
      target = undefined
      cut()
      if (!server.listening) return
      server.close()
      await once(server, 'close')
    },
  }
}
