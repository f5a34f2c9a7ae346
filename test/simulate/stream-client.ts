import { once } from 'node:events'
import WebSocket from 'ws'

/** A stream connection as a test sees it: every message kept, and a promise for each thing worth waiting for. */
export interface StreamClient {
  readonly webSocket: WebSocket
  /** Parsed; what is not JSON as its text. */
  readonly messages: readonly unknown[]
  /** Resolves when `count` messages are there. */
  received(count: number): Promise<readonly unknown[]>
  /** Sends a command and resolves with the next message. */
  ask(command: unknown): Promise<unknown>
  /** Resolves with the close code. */
  readonly closed: Promise<number>
}

export async function connectStream(url: string, options: WebSocket.ClientOptions = {}): Promise<StreamClient> {
  const webSocket = new WebSocket(url, options)
  const messages: unknown[] = []
  const waiting = new Set<() => void>()
  webSocket.on('message', (data) => {
    messages.push(parse(String(data)))
    for (const check of waiting) check()
  })
  const closed = new Promise<number>((resolve) => {
    webSocket.on('close', resolve)
  })
  await once(webSocket, 'open')
  const received = (count: number) =>
    new Promise<readonly unknown[]>((resolve) => {
      const check = () => {
        if (messages.length < count) return
        waiting.delete(check)
        resolve(messages)
      }
      waiting.add(check)
      check()
    })
  return {
    webSocket,
    messages,
    received,
    closed,
    async ask(command) {
      const before = messages.length
      webSocket.send(typeof command === 'string' ? command : JSON.stringify(command))
      return (await received(before + 1))[before]
    },
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // A fault may send anything: the test looks at it.
    return text
  }
}
