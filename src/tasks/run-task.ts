import { GatewayError } from '../base/errors.ts'
import type { TaskEvent } from '../base/task-event.ts'
import type { Feed } from '../feed.ts'
import type { Instrument } from '../market/instrument.ts'
import { TIMEFRAME_MS } from '../market/timeframe.ts'
import { type BackfillGateway, backfill } from '../streams/backfill.ts'
import { verify } from '../streams/verify/verify.ts'
import type { Database } from '../tiers/database/database.ts'
import type { TaskRequest } from '../wire/tasks.ts'

export interface RunTaskPorts {
  readonly instrument: Instrument
  /** Of the instrument; unset where it is stored but not configured any more. */
  readonly feed: Feed | undefined
  readonly database: Database
  /** Of the gateway that this runs in. */
  readonly gateway?: (BackfillGateway & { readonly settled: () => Promise<void> }) | undefined
  readonly latenessMs: number
  readonly tickRetentionDays: number
  readonly now: () => number
}

/** Runs a task, in a gateway or without one. @throws GatewayError */
export function runTask(request: TaskRequest, ports: RunTaskPorts, signal: AbortSignal): AsyncIterable<TaskEvent> {
  const { instrument, feed, database, gateway, latenessMs, tickRetentionDays, now } = ports
  const keptSince = () => now() - tickRetentionDays * TIMEFRAME_MS['1D']
  if (request.task === 'verify') {
    const verifyPorts = { database, feed, settled: gateway?.settled, latenessMs, keptSince, now }
    return verify(instrument, request, verifyPorts, signal)
  }
  if (feed === undefined)
    throw new GatewayError('unknown_symbol', `the symbol must be configured, was ${instrument.symbol}`)
  if (feed.ids !== 'contiguous') {
    const rule = `a backfill must be of a source that gives its trades by id, ${feed.name} is polled`
    throw new GatewayError('bad_parameter', `${rule}: its candles are taken from it at every start and after each day`)
  }
  return backfill(instrument, request, { feed, database, gateway, keptSince, now }, signal)
}
