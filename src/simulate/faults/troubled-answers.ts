import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { RestFault } from './rest-fault.ts'

type Trouble = Exclude<RestFault, number>
type Answer = (response: ServerResponse, body: string, delayMs?: number) => void

/** Gives right answers wrongly. */
export interface TroubledAnswers extends Readonly<Record<Trouble, Answer>> {
  /** Gives the slow answers at once and cuts the requests that hang. */
  end(): void
}

const DELAY_MS = 3_000

/** What stands between a client and an exchange says so like this, whatever was asked of it. */
const PAGE = `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://www.w3.org/TR/html4/loose.dtd">
<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY><H1>403 ERROR</H1></BODY></HTML>`

export function createTroubledAnswers(): TroubledAnswers {
  /** What ends each request that waits. */
  const endings = new Set<() => void>()

  const wait = (response: ServerResponse, end: () => void, stop = () => {}) => {
    const ending = () => {
      stop()
      endings.delete(ending)
      end()
    }
    endings.add(ending)
    // The one who asked has given up: there is nobody left to answer.
    response.once('close', () => {
      stop()
      endings.delete(ending)
    })
    return ending
  }

  return {
    slow(response, body, delayMs = DELAY_MS) {
      const timer = setTimeout(() => ending(), delayMs)
      const ending = wait(
        response,
        () => response.writeHead(200, { 'Content-Type': 'application/json;charset=UTF-8' }).end(body),
        () => clearTimeout(timer),
      )
    },
    hang(response) {
      wait(response, () => cut(response.socket))
    },
    cut(response, body) {
      const { socket } = response
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length })
      response.write(body.slice(0, body.length >> 1), () => cut(socket))
    },
    html(response) {
      response.writeHead(403, { 'Content-Type': 'text/html' }).end(PAGE)
    },
    end() {
      for (const ending of endings) ending()
    },
  }
}

function cut(socket: Socket | null): void {
  socket?.resetAndDestroy()
}
