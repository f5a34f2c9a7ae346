/** What a socket tells its owner. After `closed` nothing follows. */
export interface SocketEvents {
  opened(): void
  message(data: string): void
  /** Ended, or never opened; 1006 where the connection broke without a close frame. */
  closed(code: number, reason: string): void
}

/** One WebSocket: what the client needs of it and no more. */
export interface Socket {
  send(data: string): void
  /** Ends it now, without waiting for the peer: it may be long gone. Safe to call twice. */
  close(): void
}

/** Opens a WebSocket; never throws: what fails is told by `closed`. */
export type OpenSocket = (url: URL, token: string | undefined, events: SocketEvents) => Socket
