import { Command, InvalidArgumentError, Option } from 'commander'
import { GatewayError } from '../base/errors.ts'
import { connect, type Gateway } from '../client/node.ts'
import { describeNotice, type Notice } from '../client/notices.ts'
import { CHART_TIMEFRAMES, type ChartTimeframe, parseTimeframe } from '../market/timeframe.ts'
import { moment, replaySpeed } from './numbers.ts'
import { createFormatter, FORMATS, type Format, type Row, write } from './output.ts'

const CHANNELS = ['ticks', 'candles', 'prices'] as const

interface TailFlags {
  readonly url: string
  readonly token?: string
  readonly channel: (typeof CHANNELS)[number]
  readonly timeframe: ChartTimeframe
  readonly format: Format
  readonly after?: string
  readonly from?: number
  readonly to?: number
  readonly speed?: number | 'max'
}

export const tailCommand = new Command('tail')
  .description('print a live stream, one JSON object a line, for pipes; it reconnects and resumes without a hole')
  .argument('<symbol...>', 'BTC ETH ...', addSymbols)
  .addOption(
    new Option('--url <url>', 'the gateway, http(s) or ws(s)').env('TICKGATE_URL').default('http://127.0.0.1:8080'),
  )
  .addOption(new Option('--token <token>', 'an API key of the gateway').env('TICKGATE_TOKEN'))
  .addOption(new Option('--channel <name>', 'what to print').choices(CHANNELS).default('ticks'))
  .option('--timeframe <t>', `of candles: ${CHART_TIMEFRAMES.join(' ')}`, timeframe, '1m')
  .addOption(new Option('--format <format>', 'how to print it').choices(FORMATS).default('ndjson'))
  .option('--after <id>', 'begin after this tick: ID, or SYMBOL:ID,...')
  .option('--from <time>', 'replay from this moment on: Unix ms or ISO 8601', moment)
  .option('--to <time>', 'end the replay at this moment; without it, it goes on live', moment)
  .option('--speed <x>', "of the replay: 0.1 to 1000, or 'max'", replaySpeed)
  .action(tail)

async function tail(symbols: readonly string[], flags: TailFlags): Promise<void> {
  const leaving = new AbortController()
  const leave = () => leaving.abort()
  const brokenPipe = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') {
      console.error(`tickgate: stdout: ${error.message}`)
      process.exitCode = 1
    }
    leave()
  }
  process.once('SIGINT', leave).once('SIGTERM', leave)
  // The reader has what it wanted (`tail BTC | head -5`): that is an end, not an error.
  process.stdout.on('error', brokenPipe)

  const { url, token, format } = flags
  const gateway = connect(url, { ...(token === undefined ? {} : { token }), onNotice: reporter() })
  const lineOf = createFormatter(format)
  for await (const row of rows(gateway, symbols, flags, leaving.signal)) {
    await write(process.stdout, lineOf(row), leaving.signal)
  }
}

/** The rows of the channel that was asked for: live from now on unless told where to begin. */
async function* rows(
  gateway: Gateway,
  symbols: readonly string[],
  { channel, timeframe, after, from, to, speed }: TailFlags,
  signal: AbortSignal,
): AsyncGenerator<Row> {
  if (after !== undefined && from !== undefined) {
    throw new GatewayError('bad_parameter', '--after and --from must not be given both')
  }
  if (channel !== 'ticks' && (after ?? from ?? to ?? speed) !== undefined) {
    throw new GatewayError('bad_parameter', `--after, --from, --to and --speed are for --channel ticks, was ${channel}`)
  }
  if (channel === 'prices') return yield* gateway.prices(symbols, {}, signal)
  if (channel === 'candles') {
    for await (const event of gateway.candles(symbols, { timeframe, history: 0 }, signal)) {
      if (event.type === 'candle') yield event
    }
    return
  }
  const start = {
    ...(after === undefined ? {} : { after: cursors(after, symbols) }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(speed === undefined ? {} : { speed }),
  }
  for await (const { live: _, ...tick } of gateway.ticks(symbols, start, signal)) yield tick
}

/** Reads `--after`: one id for one symbol, or `BTC:3123456788,ETH:99`. */
function cursors(text: string, symbols: readonly string[]): Readonly<Record<string, number>> {
  const [only, ...others] = symbols
  const pairs = /^\d+$/.test(text) && only !== undefined && others.length === 0 ? [`${only}:${text}`] : text.split(',')
  const entries = pairs.map((pair): [string, number] => {
    const [, symbol, id] = /^(.+):(\d+)$/.exec(pair) ?? []
    if (symbol !== undefined && symbols.includes(symbol) && Number.isSafeInteger(Number(id)))
      return [symbol, Number(id)]
    throw new GatewayError('bad_parameter', `--after must be ID (of one symbol) or SYMBOL:ID,..., was '${text}'`)
  })
  return Object.fromEntries(entries)
}

/** `BTC ETH`, `BTC,ETH` and `btc` are all meant: canonical symbols are upper case. */
function addSymbols(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.toUpperCase().split(',').filter(Boolean)]
}

function timeframe(text: string): ChartTimeframe {
  const known = parseTimeframe(text)
  if (known) return known
  throw new InvalidArgumentError(`It must be one of ${CHART_TIMEFRAMES.join(', ')}.`)
}

/** Tells on stderr what happens to the stream; a gateway that stays away is told once, not at every attempt. */
function reporter(): (notice: Notice) => void {
  let away = false
  return (notice) => {
    if (notice.type === 'disconnected') {
      if (!away) console.error(`tickgate: no connection to ${notice.url} (${notice.reason}), trying until it is there`)
      away = true
      return
    }
    if (notice.type === 'connected') away = false
    console.error(`tickgate: ${describeNotice(notice)}`)
  }
}
