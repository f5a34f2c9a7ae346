import { FRAME_FAULTS, type FrameFault } from '../../src/simulate/faults/frame-fault.ts'
import { REST_FAULTS, type RestFault } from '../../src/simulate/faults/rest-fault.ts'
import { hash, seedFor } from '../../src/simulate/noise.ts'

/** One thing that goes wrong. Times are ms. */
export type Fault =
  /** Every stream connection of the source ends: with a close frame when there is a code. */
  | { readonly kind: 'source cut'; readonly code?: number }
  /** The source's connections are open and dead for a while; what they miss is lost. */
  | { readonly kind: 'source silent'; readonly ms: number }
  | { readonly kind: 'source refuses'; readonly how: 'reset' | 503; readonly ms: number }
  | { readonly kind: 'source shuts down'; readonly graceMs: number }
  /** Frames of trades are lost, doubled, late, in a wrong order, or no frames of trades any more. */
  | { readonly kind: 'frames'; readonly what: FrameFault; readonly count: number; readonly symbol: string }
  | { readonly kind: 'questions'; readonly what: RestFault; readonly count: number; readonly delayMs: number }
  /** A symbol does not trade for a while. */
  | { readonly kind: 'halt'; readonly symbol: string; readonly ms: number }
  | { readonly kind: 'garbage'; readonly text: string }
  /** The gateway's memory, connections and unwritten batches are gone; it starts again on the same store. */
  | { readonly kind: 'crash'; readonly downMs: number }
  /** It is stopped in good order, and starts again. */
  | { readonly kind: 'restart'; readonly downMs: number }
  | { readonly kind: 'clients cut' }
  | { readonly kind: 'client leaves'; readonly client: number; readonly ms: number }
  /** A new client that asks for everything since the first one's beginning. */
  | { readonly kind: 'late client' }
  /** The gateway's connections to the database are cut, and none is to be had for a while. */
  | { readonly kind: 'database away'; readonly ms: number }

export interface Schedule {
  readonly seed: number
  readonly symbols: readonly string[]
  /** Trades a second of the whole exchange. */
  readonly rate: number
  readonly holdBackMs: number
  readonly latenessMs: number
  /** A connection to the source is replaced by a new one when it is so old. */
  readonly rotateMs: number
  readonly clients: number
  /** The faults begin when the first gateway runs, not with its start. */
  readonly waits: boolean
  /** No trade comes after the last fault: what was lost before it shows by nothing. */
  readonly endsInSilence: boolean
  readonly lastsMs: number
  readonly faults: readonly TimedFault[]
}

export interface TimedFault {
  readonly atMs: number
  readonly fault: Fault
}

const SYMBOLS = ['BTC', 'ETH', 'SOL', 'BNB', 'XRP'] as const
const NEVER_MS = 3_600_000
/** Whatever happens here is over by then: a stream that waits so long is filled before a hole is told. */
const LONG_MS = 20_000
const LAST_MS = 100
const MOST_FAULTS = 12
const CLIENTS = 2

/** What is not a trade: no JSON, other JSON, a trade with a part missing, a symbol that was not asked for. */
const GARBAGE = [
  '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1,"s":"BTCUSDT","a":',
  'null',
  '[]',
  '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1,"s":"BTCUSDT","a":"7","p":"1"}}',
  '{"stream":"dogeusdt@aggTrade","data":{"e":"aggTrade","E":1,"s":"DOGEUSDT","a":7,"p":"1.0","q":"1.0","f":1,"l":1,"T":1,"m":true,"M":true}}',
  '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1,"s":"BTCUSDT","a":9e99,"p":"1.0","q":"1.0","f":1,"l":1,"T":1,"m":true,"M":true}}',
  '\u0000\uffff',
]

/** The schedule of a seed: always the same. */
export function scheduleOf(seed: number): Schedule {
  const draw = createDraw(seed)
  const lastsMs = draw.between(1_200, 2_400)
  const first = draw.between(0, 2)
  const symbols = SYMBOLS.slice(first, first + draw.between(2, 3))
  const faults: TimedFault[] = Array.from({ length: draw.between(2, MOST_FAULTS) }, () => ({
    atMs: draw.between(0, lastsMs),
    fault: drawFault(draw),
  }))
  const endsInSilence = draw.between(0, 1) === 1
  if (endsInSilence && draw.between(0, 1) === 1)
    faults.push({ atMs: lastsMs - LAST_MS, fault: lastFramesLost(symbols) })
  return {
    seed,
    symbols,
    rate: draw.oneOf([40, 150, 300, 300]),
    holdBackMs: draw.oneOf([0, 40, 150, 600, LONG_MS]),
    latenessMs: draw.oneOf([0, 100, 500]),
    rotateMs: draw.oneOf([600, NEVER_MS, NEVER_MS]),
    clients: CLIENTS,
    waits: draw.between(1, 4) > 1,
    endsInSilence,
    lastsMs,
    faults: faults.sort((a, b) => a.atMs - b.atMs),
  }
}

/** Nobody hears the last trades before the silence. */
function lastFramesLost([symbol]: readonly string[]): Fault {
  return { kind: 'frames', what: 'drop', count: 1_000, symbol: `${symbol}USDT` }
}

/** How often each kind is drawn, by its weight. */
const KINDS: readonly (readonly [weight: number, draw: (draw: Draw) => Fault])[] = [
  [2, () => ({ kind: 'source cut' })],
  [1, (draw) => ({ kind: 'source cut', code: draw.oneOf([1000, 1001, 1008, 1011]) })],
  [1, (draw) => ({ kind: 'source refuses', how: draw.oneOf(['reset', 503]), ms: draw.between(50, 900) })],
  [1, (draw) => ({ kind: 'source shuts down', graceMs: draw.between(0, 500) })],
  [4, drawFrames],
  [3, drawQuestions],
  [1, (draw) => ({ kind: 'halt', symbol: `${draw.oneOf(SYMBOLS)}USDT`, ms: draw.between(300, 1_200) })],
  [2, (draw) => ({ kind: 'source silent', ms: draw.between(50, 1_500) })],
  [1, (draw) => ({ kind: 'garbage', text: draw.oneOf(GARBAGE) })],
  [3, (draw) => ({ kind: 'crash', downMs: draw.between(0, 600) })],
  [1, (draw) => ({ kind: 'restart', downMs: draw.between(0, 300) })],
  [1, () => ({ kind: 'clients cut' })],
  [3, (draw) => ({ kind: 'client leaves', client: draw.between(0, CLIENTS - 1), ms: draw.between(0, 900) })],
  [2, () => ({ kind: 'late client' })],
  [1, (draw) => ({ kind: 'database away', ms: draw.between(50, 900) })],
]

function drawFrames(draw: Draw): Fault {
  const symbol = `${draw.oneOf(SYMBOLS)}USDT`
  return { kind: 'frames', what: draw.oneOf(FRAME_FAULTS), count: draw.oneOf([1, 1, 3, 20]), symbol }
}

function drawQuestions(draw: Draw): Fault {
  const [what, count] = [draw.oneOf(REST_FAULTS), draw.oneOf([1, 2, 5, 15])]
  return { kind: 'questions', what, count, delayMs: draw.between(50, 900) }
}

function drawFault(draw: Draw): Fault {
  const all = KINDS.flatMap(([weight, kind]) => Array.from({ length: weight }, () => kind))
  return draw.oneOf(all)(draw)
}

interface Draw {
  /** Whole, both ends included. */
  between(least: number, most: number): number
  oneOf<T>(items: readonly T[]): T
}

function createDraw(seed: number): Draw {
  const own = seedFor(seed, 'faults')
  let count = 0
  const between = (least: number, most: number) => least + (hash(own, count++) % (most - least + 1))
  return { between, oneOf: (items) => items[between(0, items.length - 1)]! }
}

/**
 * Frames get lost on a connection that lives on: in silence only a question shows it, now and then. Else a question
 * after every connect is enough, if it is answered.
 */
export function losesUnseen({ faults }: Schedule): boolean {
  return faults.some(
    ({ fault }) =>
      fault.kind === 'source silent' ||
      (fault.kind === 'frames' && (fault.what === 'drop' || fault.what === 'garbage')),
  )
}

/** Every hole can be filled before it must be told: the source answers what it is asked. */
export function fillsInTime({ holdBackMs, faults }: Schedule): boolean {
  return holdBackMs === LONG_MS && !faults.some(({ fault }) => fault.kind === 'questions')
}

/** The schedule in lines that can be read. */
export function describeSchedule(schedule: Schedule): string {
  const { seed, symbols, rate, holdBackMs, latenessMs, rotateMs, waits, endsInSilence, lastsMs, faults } = schedule
  const times = `HOLD_BACK_MS ${holdBackMs}, LATENESS_MS ${latenessMs}, new sockets after ${rotateMs} ms`
  const head = `seed ${seed}: ${symbols.join(',')} at ${rate} trades/s for ${lastsMs} ms${waits ? ' from ready on' : ''}${endsInSilence ? ', then silence' : ''}; ${times}`
  const lines = faults.map(({ atMs, fault: { kind, ...rest } }) => {
    const fields = Object.entries(rest).map(([name, value]) => ` ${name} ${JSON.stringify(value)}`)
    return `  ${String(atMs).padStart(5)} ms  ${kind}${fields.join('')}`
  })
  return [head, ...lines].join('\n')
}
