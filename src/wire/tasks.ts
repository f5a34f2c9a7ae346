import { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import type { TaskEvent } from '../base/task-event.ts'

/** A task beside the stream, as the command line and `POST /api/v1/verify/BTC` ask for it. */
export type TaskRequest =
  | ({ readonly task: 'verify'; readonly symbol: string } & VerifyBody)
  | ({ readonly task: 'backfill'; readonly symbol: string } & BackfillBody)

/** Unix ms: the last second of the year 9999. */
const LAST_TIME = 253_402_300_799_999
const time = z.int().min(0).max(LAST_TIME)

const VerifyBody = z
  .strictObject({ from: time.optional(), to: time.optional(), source: z.boolean().optional() })
  .refine(({ from = 0, to = LAST_TIME }) => from < to, 'from must be before to')
export type VerifyBody = z.output<typeof VerifyBody>

const BackfillBody = z
  .strictObject({ from: time, to: time })
  .refine(({ from, to }) => from < to, 'from must be before to')
export type BackfillBody = z.output<typeof BackfillBody>

/** Reads what is asked of a task. @throws GatewayError bad_parameter */
export function readTaskRequest(task: TaskRequest['task'], symbol: string, body: unknown): TaskRequest {
  const asked = body ?? {}
  return task === 'verify'
    ? { task, symbol, ...parse(VerifyBody, asked) }
    : { task, symbol, ...parse(BackfillBody, asked) }
}

/** The body that a request is sent with. */
export function taskBody({ task: _, symbol: __, ...body }: TaskRequest): string {
  return JSON.stringify(body)
}

const Fields = z.record(z.string(), z.union([z.string(), z.number()]))
const Event: z.ZodType<TaskEvent> = z.union([
  z.object({ type: z.literal('progress'), message: z.string() }),
  z.object({ type: z.enum(['difference', 'note']), kind: z.string(), message: z.string() }).and(Fields),
  z.object({
    ...{ type: z.literal('summary'), ok: z.boolean(), message: z.string() },
    counts: z.record(z.string(), z.number()),
  }),
  z.object({ type: z.literal('failure'), message: z.string(), code: z.string() }),
]) as z.ZodType<TaskEvent>

/** Reads a line of a task's answer. @throws GatewayError bad_message */
export function readTaskEvent(line: string): TaskEvent {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    // The parser's own message quotes the line at any length.
    value = undefined
  }
  const event = Event.safeParse(value)
  if (event.success) return event.data
  throw new GatewayError('bad_message', `a line of the answer must be an event, was ${line.slice(0, 200)}`)
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = issue?.path.join('.') ?? ''
  throw new GatewayError('bad_parameter', where === '' ? `${issue?.message}` : `${where}: ${issue?.message}`)
}
