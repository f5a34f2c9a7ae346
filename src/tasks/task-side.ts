import { pause } from '../base/backoff.ts'
import { GatewayError } from '../base/errors.ts'
import { createGate, type Gate } from '../base/gate.ts'
import type { TaskEvent } from '../base/task-event.ts'
import type { Config } from '../config.ts'
import type { Feed } from '../feed.ts'
import type { Database, Gap } from '../tiers/database/database.ts'
import type { MemoryTier } from '../tiers/memory/memory.ts'
import type { TaskRequest } from '../wire/tasks.ts'
import { runTask } from './run-task.ts'

export interface TaskSideParts {
  readonly memory: MemoryTier
  readonly database: Database
  readonly feeds: readonly Feed[]
  /** Resolves when everything handed to the database's queue is durable. */
  readonly stored: () => Promise<void>
  /** Hands every candle that has changed to the database's queue. */
  readonly storeChanged: () => void
  readonly onSettled: (gap: Gap) => void
  readonly config: Pick<Config, 'latenessMs' | 'tickRetentionDays'>
  readonly now: () => number
}

const CLOSE_WITHIN_MS = 1_000

/** The tasks of a running gateway, one at a time. */
export interface TaskSide {
  /** @throws GatewayError rate_limited while another one runs, unknown_symbol, unavailable */
  run(request: TaskRequest, signal: AbortSignal): AsyncGenerator<TaskEvent>
  /** Gives up what runs, and resolves when it has ended, or after a second. */
  close(): Promise<void>
}

export function createTaskSide(parts: TaskSideParts): TaskSide {
  const closing = new AbortController()
  let running: Gate | undefined
  return {
    async *run(request, signal) {
      if (closing.signal.aborted) throw new GatewayError('unavailable', 'the gateway is shutting down')
      if (running !== undefined) {
        throw new GatewayError('rate_limited', 'verify and backfill must run one at a time, another one is running')
      }
      running = createGate()
      try {
        yield* runHere(request, parts, AbortSignal.any([signal, closing.signal]))
      } finally {
        running.open()
        running = undefined
      }
    },
    async close() {
      closing.abort()
      // A client that does not read holds its task where it stands: its connection is about to be ended.
      if (running !== undefined)
        await Promise.race([running.opened, pause(CLOSE_WITHIN_MS, new AbortController().signal)])
    },
  }
}

function runHere(request: TaskRequest, parts: TaskSideParts, signal: AbortSignal): AsyncIterable<TaskEvent> {
  const { memory, database, feeds, stored, storeChanged, onSettled, config, now } = parts
  const stream = memory.stream(request.symbol)
  if (stream === undefined) {
    const rule = `the symbol must be one of ${memory.symbols().join(', ')}`
    throw new GatewayError('unknown_symbol', `${rule}, was ${request.symbol}`)
  }
  const { instrument } = stream
  // A database that is away keeps nobody waiting who has left.
  const unlessLeft = (work: Promise<void>) => Promise.race([work, left(signal)])
  const gateway = {
    ...{ memory, onSettled },
    onLeftOut: (gap: Gap) => stream.sayGap(gap),
    stored: () => unlessLeft(stored()),
    async settled() {
      storeChanged()
      await unlessLeft(stored())
    },
  }
  const feed = feeds.find(({ name }) => name === instrument.source)
  return runTask(request, { ...config, instrument, feed, database, gateway, now }, signal)
}

function left(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
