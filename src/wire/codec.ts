import { z } from 'zod'
import { describeError, GatewayError, isGatewayError } from '../base/errors.ts'
import { CHART_TIMEFRAMES, parseTimeframe } from '../market/timeframe.ts'
import { CHANNELS, type ClientMessage, type ClientOp, type RequestId } from './messages.ts'
import { refuseMisfit, refuseMisfitAction, refuseStrayTimeframe } from './subscribe-rules.ts'

/** A message, or what is wrong with it; `id` whenever it could be read, so that the error finds its question. */
export type Decoded =
  | { readonly id: RequestId | undefined; readonly message: ClientMessage }
  | { readonly id: RequestId | undefined; readonly error: GatewayError }

/**
 * Reads one text message of a client. Never throws: the errors are bad_message, unknown_op, unknown_channel,
 * bad_timeframe and bad_parameter. Unknown fields are ignored.
 */
export function decode(text: string): Decoded {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (error) {
    return { id: undefined, error: new GatewayError('bad_message', `a message must be JSON: ${describeError(error)}`) }
  }
  return decodeValue(raw)
}

/** As `decode`, for a message that is already a value. */
export function decodeValue(raw: unknown): Decoded {
  const envelope = ENVELOPE.safeParse(raw)
  if (!envelope.success) {
    return { id: undefined, error: new GatewayError('bad_message', 'a message must be an object with a string "op"') }
  }
  const id = REQUEST_ID.safeParse(envelope.data.id).data
  try {
    return { id, message: readMessage(envelope.data.op, raw) }
  } catch (error) {
    if (isGatewayError(error)) return { id, error }
    throw error
  }
}

function readMessage(op: string, raw: unknown): ClientMessage {
  if (!isClientOp(op)) {
    throw new GatewayError('unknown_op', `op must be one of ${Object.keys(SCHEMAS).join(', ')}, was '${shorten(op)}'`)
  }
  const schema: z.ZodType<ClientMessage> = SCHEMAS[op]
  const parsed = schema.safeParse(raw)
  if (!parsed.success) throw toGatewayError(parsed.error)
  if (parsed.data.op === 'subscribe') refuseMisfit(parsed.data)
  if (parsed.data.op === 'unsubscribe') refuseStrayTimeframe(parsed.data)
  if (parsed.data.op === 'replay') refuseMisfitAction(parsed.data)
  return parsed.data
}

function isClientOp(op: string): op is ClientOp {
  return Object.hasOwn(SCHEMAS, op)
}

/** The first problem decides the code; all are told. */
function toGatewayError({ issues }: z.ZodError): GatewayError {
  const [first] = issues
  const code =
    first?.path[0] === 'channel'
      ? 'unknown_channel'
      : first?.path[0] === 'timeframe'
        ? 'bad_timeframe'
        : 'bad_parameter'
  const problems = issues.slice(0, 5).map(({ path, message }) => `${path.join('.')}: ${message}`)
  return new GatewayError(code, shorten(problems.join('; '), 400))
}

/** Errors repeat what a client sent: never more than a line of it. */
function shorten(text: string, length = 40): string {
  return text.length <= length ? text : `${text.slice(0, length)}...`
}

// --- the schemas: one per op ---

const REQUEST_ID = z.union([z.number(), z.string().max(64)])
const ENVELOPE = z.looseObject({ op: z.string() })

const id = REQUEST_ID.exactOptional()
const channel = z.enum(CHANNELS).exactOptional()
const symbolList = z.array(z.string().min(1).max(64)).min(1).max(10_000)
const milliseconds = z.int().min(0)
const speed = z.union([z.number().min(0.1).max(1000), z.literal('max')]).exactOptional()
const timeframe = z
  .string()
  .max(16)
  .transform((text, context) => {
    const parsed = parseTimeframe(text)
    if (parsed) return parsed
    context.addIssue({ code: 'custom', message: `must be one of ${CHART_TIMEFRAMES.join(', ')}, was '${text}'` })
    return z.NEVER
  })
  .exactOptional()

const SCHEMAS: { readonly [Op in ClientOp]: z.ZodType<ClientMessage<Op>> } = {
  subscribe: z.object({
    op: z.literal('subscribe'),
    id,
    channel,
    symbols: symbolList.exactOptional(),
    timeframe,
    history: z.int().min(0).exactOptional(),
    // -1 is before the first id that a source may give, 0.
    after: z.record(z.string(), z.int().min(-1)).exactOptional(),
    from: milliseconds.exactOptional(),
    to: milliseconds.exactOptional(),
    speed,
    interval: milliseconds.exactOptional(),
    fill: z.boolean().exactOptional(),
  }),
  unsubscribe: z.object({
    op: z.literal('unsubscribe'),
    id,
    channel,
    symbols: symbolList.exactOptional(),
    timeframe,
  }),
  replay: z.object({
    op: z.literal('replay'),
    id,
    symbols: symbolList,
    action: z.enum(['pause', 'resume', 'seek', 'speed']),
    time: milliseconds.exactOptional(),
    speed,
  }),
  list: z.object({ op: z.literal('list'), id }),
  ping: z.object({ op: z.literal('ping'), id }),
  auth: z.object({ op: z.literal('auth'), id, token: z.string().min(1).max(4096) }),
}
