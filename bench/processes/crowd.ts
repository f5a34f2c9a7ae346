// Clients by the thousand in one process, which count what they get and look at no more of it than they must.
import { converse, readSetup } from './conversation.ts'
import { RawClient } from './raw-client.ts'

interface Setup {
  readonly url: string
  readonly count: number
}

const { url, count } = readSetup<Setup>()
const WS = `${url.replace('http', 'ws')}/ws?symbols=BTC&channel=ticks`

/** The letter of `{"type":"tick"` that no other frame's type has in its place, which is looked at in every frame. */
const TYPE_AT = '{"type":"'.length
const TICK = 't'.charCodeAt(0)

/** The clients of this moment. */
let clients: RawClient[] = []
let liveTicks = 0
let delays: number[] | undefined
let reached = () => {}
let expected = Number.POSITIVE_INFINITY

/** Ms since some moment that is the same in all processes, with fractions. */
const now = () => performance.timeOrigin + performance.now()

converse(
  {
    /** Everyone connects anew at the same time, each at its own place of at most `behind` ticks before `newest`; resolves when all have their history and are live. */
    join: ({ newest, behind }) => {
      leaveAll()
      return joinAll(() => newest - 1 - Math.floor(Math.random() * behind))
    },
    /** Resolves when everyone together has got so many live ticks since they were last counted. */
    count: ({ trades }) => {
      liveTicks = 0
      expected = trades
      return new Promise((resolve) => {
        reached = () => resolve({ at: now() })
      })
    },
    leave: leaveAll,
    watch: () => {
      delays = []
    },
    watched: () => {
      const sorted = (delays ?? []).toSorted((a, b) => a - b)
      delays = undefined
      return { count: sorted.length, p50: at(sorted, 0.5), p99: at(sorted, 0.99), max: at(sorted, 1) }
    },
  },
  leaveAll,
)

function leaveAll(): void {
  for (const client of clients) client.leave()
  clients = []
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

function joinAll(place: () => number) {
  const started = now()
  let ticks = 0
  let first = Number.POSITIVE_INFINITY
  return new Promise((resolve) => {
    let left = count
    clients = Array.from({ length: count }, () => {
      const after = place()
      return new RawClient(new URL(`${WS}&after=BTC:${after}`), (bytes, start, end) => {
        if (bytes[start + TYPE_AT] === TICK) return takeLive(bytes, start, end)
        const head = bytes.toString('latin1', start, end)
        if (!head.startsWith('{"type":"ws_history"')) return
        first = Math.min(first, now())
        if (!head.includes('"more":false')) return
        ticks += Number(/"cursor":(\d+)/.exec(head)?.[1]) - after
        left -= 1
        if (left === 0) resolve({ started, first, ended: now(), ticks })
      })
    })
  })
}

function takeLive(bytes: Buffer, start: number, end: number): void {
  liveTicks += 1
  if (liveTicks === expected) reached()
  if (!delays) return
  const { received, size } = JSON.parse(bytes.toString('latin1', start, end))
  // The part of its millisecond is where the stream's process has put it.
  delays.push(now() - received - (size - 1))
}
