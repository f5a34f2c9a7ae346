import type { TaskEvent } from '../base/task-event.ts'
import type { Config } from '../config.ts'
import type { Feed } from '../feed.ts'
import { holderOf } from '../tiers/data-dir-lock.ts'
import type { TaskRequest } from '../wire/tasks.ts'
import { runAlone } from './alone.ts'
import { askGateway } from './ask-gateway.ts'

export interface StartTaskOptions {
  /** Where a gateway runs; unset: the one that holds DATA_DIR, if any does. */
  readonly url: string | undefined
  /** Read when it is needed: a gateway somewhere else is asked without any. */
  readonly config: () => Config
  readonly feeds: (config: Config) => readonly Feed[]
}

/** Runs a task in the gateway that runs, else here. @throws GatewayError */
export async function* startTask(
  request: TaskRequest,
  { url, config, feeds }: StartTaskOptions,
  signal: AbortSignal,
): AsyncGenerator<TaskEvent> {
  const gateway = url ?? (await holderOf(config().dataDir))?.url
  if (gateway !== undefined) yield* askGateway(gateway, request, signal)
  else yield* runAlone(request, config(), feeds(config()), signal)
}
