import { TIMEFRAMES } from '../../src/market/timeframe.ts'
import { WATCHED } from './candle-client.ts'
import { findWrong, klinesUntil } from './candle-truth.ts'
import type { Stage } from './run-schedule.ts'
import { fillsInTime } from './schedule.ts'
import type { StoredTick } from './stored.ts'

/** Past it, what has not come does not come. */
const SETTLES_WITHIN_MS = 40_000

/** Candles compared of what a chart shows: it may have moved on by some. */
const PICTURED = 400

/** What is looked at besides the ticks. */
export interface Judged {
  readonly candles: boolean
}

export const EVERYTHING: Judged = { candles: true }

/** What must be true when the faults are over: every client and the store hold exactly the exchange's trades. */
export async function judge(stage: Stage, { candles }: Judged): Promise<void> {
  const { schedule, simulator, life, ledgers, report } = stage
  if (report.failures.length > 0) return
  if (schedule.endsInSilence) simulator.halt(true)
  simulator.faults.clear()
  await life.start()
  const hasBegun = () => ledgers.every(({ last }) => typeof last === 'number')
  if (!(await report.until(hasBegun, SETTLES_WITHIN_MS))) report.fail('every client must have begun')
  const now = Date.now()
  const ends = new Map(schedule.symbols.map((symbol) => [symbol, marketOf(stage, symbol).nextId(now) - 1]))
  report.say(`=== the end: ${JSON.stringify([...ends])}`)
  await settle(stage, ends)
  const wasTold = ledgers.filter(({ told }) => told.length > 0)
  // What is missing before a stream that begins without its database is told, not filled in time: nobody knows of it yet.
  const isBlind = report.hasSaid('the stream begins without what is stored')
  if (fillsInTime(schedule) && !isBlind)
    for (const ledger of wasTold) ledger.fail(`was told of ${JSON.stringify(ledger.told)}`)
  if (report.failures.length > 0) return
  if (candles) await judgeCharts(stage, ends)
  stage.stop()
  await life.stop()
  await life.storeTheRest()
  for (const symbol of schedule.symbols) {
    judgeTicks(stage, symbol, await stage.store.ticks(symbol), ends.get(symbol)!)
    if (candles) await judgeCandles(stage, symbol, ends.get(symbol)!)
  }
}

/** Waits until everyone has everything up to the ends. */
async function settle({ ledgers, tickClients, store, report }: Stage, ends: ReadonlyMap<string, number>) {
  const failed = () => report.failures.length > 0
  const behind = () => ledgers.filter(({ symbol, last }) => (last ?? -1) < ends.get(symbol)!)
  if (!(await report.until(() => failed() || behind().length === 0, SETTLES_WITHIN_MS))) {
    for (const ledger of behind()) ledger.fail(`must have come to ${ends.get(ledger.symbol)}, is at ${ledger.last}`)
  }
  let open: readonly string[] = []
  const isFilled = async () => {
    const newest = await store.newest?.()
    const isStored = [...ends].every(([symbol, end]) => (newest?.get(symbol) ?? end) >= end)
    open = isStored ? await store.openGaps() : ['the newest ticks are not stored']
    return failed() || open.length === 0
  }
  if (!(await report.until(isFilled, SETTLES_WITHIN_MS))) report.fail(`gaps must be filled: ${open.join('; ')}`)
  const untold = () => ledgers.filter((ledger) => ledger.untold.length > 0)
  if (!(await report.until(() => failed() || untold().length === 0, SETTLES_WITHIN_MS))) {
    for (const ledger of untold()) ledger.fail(`must be told that it is filled: ${JSON.stringify(ledger.untold)}`)
  }
  for (const client of tickClients) client.readOwed()
  const owing = () => tickClients.flatMap((client) => client.ledgers).filter(({ owed }) => owed.length > 0)
  if (!(await report.until(() => failed() || owing().length === 0, SETTLES_WITHIN_MS))) {
    for (const ledger of owing()) ledger.fail(`must have read the filled holes ${JSON.stringify(ledger.owed)}`)
  }
}

/** The store holds every trade from the first to the end, once, each as it happened. */
function judgeTicks(stage: Stage, symbol: string, ticks: readonly StoredTick[], end: number): void {
  const { ledgers, report } = stage
  const market = marketOf(stage, symbol)
  const own = ledgers.filter((each) => each.symbol === symbol)
  const [first] = ticks
  // Of what a gateway sent that was killed before it had stored anything nobody knows: whoever is told so has met one.
  // Who had all of it just goes on.
  const isAnew = ledgers.some(({ begunAnewAt }) => begunAnewAt !== undefined)
  let next = Math.max(Math.min(...own.map(({ begin }) => begin ?? end)) + 1, isAnew ? (first?.id ?? 0) : 0)
  for (const { begunAnewAt } of own) {
    // A start on an empty store begins where it can; one that is killed before it has stored anything leaves no mark,
    // and the next may begin with older trades. None may begin with newer ones than a client has got.
    const isStored = begunAnewAt === undefined || (first !== undefined && first.id <= begunAnewAt)
    if (!isStored) report.fail(`the store has ${symbol} from ${first?.id} on, a client was told ${begunAnewAt}`)
  }
  for (const tick of ticks) {
    if (tick.id < next) continue
    if (tick.id !== next) {
      report.fail(`the store must hold ${symbol} ${next}, goes on with ${tick.id}`)
      return
    }
    const trade = market.trade(tick.id)
    const side = trade.buyerIsMaker ? 'sell' : 'buy'
    const isSame = tick.price === Number(trade.price) && tick.size === Number(trade.size) && tick.time === trade.time
    if (!isSame || tick.side !== side)
      report.fail(`the store has ${symbol} ${JSON.stringify(tick)}, not the exchange's`)
    next = tick.id + 1
  }
  if (next <= end) report.fail(`the store must hold ${symbol} up to ${end}, ends before ${next}`)
}

/** Stored candles of ended buckets are the exchange's klines, in every timeframe. */
async function judgeCandles(stage: Stage, symbol: string, end: number): Promise<void> {
  const { simulator, store, report } = stage
  for (const timeframe of TIMEFRAMES) {
    const truth = await klinesUntil(simulator, symbol, timeframe, marketOf(stage, symbol).steps(end).time)
    const rows = await store.candles(symbol, timeframe)
    const wrong = findWrong(truth, new Map(rows.map(({ time, row }) => [time, row])))
    if (wrong) report.fail(`the store's ${symbol} ${timeframe} candle of ${wrong}`)
  }
}

/**
 * What a chart shows is what the exchange shows. A gateway may still be starting, or asking a source that is slow on a
 * busy machine.
 */
async function judgeCharts(stage: Stage, ends: ReadonlyMap<string, number>): Promise<void> {
  const { simulator, candles, report } = stage
  for (const failure of candles.failures) report.fail(failure)
  for (const [symbol, end] of ends) {
    for (const timeframe of WATCHED) {
      const truth = await klinesUntil(simulator, symbol, timeframe, marketOf(stage, symbol).steps(end).time)
      const shown = new Map([...truth].slice(-PICTURED).map(([time, row]) => [time, row.slice(0, 5)]))
      const wrong = () => findWrong(shown, candles.picture(symbol, timeframe))
      if (!(await report.until(() => wrong() === undefined, SETTLES_WITHIN_MS))) {
        report.fail(`the chart's ${symbol} ${timeframe} candle of ${wrong()}`)
      }
    }
  }
}

function marketOf({ simulator }: Stage, symbol: string) {
  return simulator.markets.get(`${symbol}USDT`)!
}
