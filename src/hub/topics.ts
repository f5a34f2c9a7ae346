import type { Candle } from '../market/candle.ts'
import type { Update } from '../market/tick.ts'
import type { ChartTimeframe } from '../market/timeframe.ts'
import { encode, encodeCandle, encodeTick } from '../wire/encode.ts'
import { encodeFrame } from '../wire/frame.ts'
import type { ServerMessage } from '../wire/messages.ts'
import type { Cadence } from './cadence.ts'
import { CandleGroup } from './candles/candle-group.ts'
import type { CandleSubscription } from './candles/candle-subscription.ts'
import { IntervalEnds } from './candles/interval-ends.ts'
import { PriceGroup, type PriceSubscription } from './price-subscription.ts'
import type { HubSource } from './source.ts'
import type { TickListener } from './subscription.ts'

/** Everyone who wants something of one symbol. */
interface Topic {
  /** Live. */
  readonly ticks: Set<TickListener>
  /** Still getting their history. */
  readonly joining: Set<TickListener>
  /** By timeframe and interval. */
  readonly candles: Map<string, CandleGroup>
  /** By interval. */
  readonly prices: Map<number, PriceGroup>
}

/** Candles that somebody looks at. */
export interface WatchedCandles {
  readonly symbol: string
  readonly timeframe: ChartTimeframe
}

/** Who gets what: updates come in once and go out encoded once, however many want them. */
export class Topics {
  readonly #source: HubSource
  readonly #cadence: Cadence
  readonly #now: () => number
  readonly #topics = new Map<string, Topic>()
  readonly intervals: IntervalEnds

  /** @param now Unix ms */
  constructor(source: HubSource, cadence: Cadence, now: () => number = Date.now) {
    this.#source = source
    this.#now = now
    this.intervals = new IntervalEnds(source)
    this.#cadence = cadence
  }

  *watched(): Generator<WatchedCandles> {
    for (const [symbol, { candles }] of this.#topics) {
      for (const { timeframe } of candles.values()) yield { symbol, timeframe }
    }
  }

  /** The hot path: one look-up when nobody wants the symbol. */
  publish(update: Update): void {
    const topic = this.#topics.get(update.symbol)
    if (!topic) return
    if (topic.ticks.size > 0) {
      const frame = encodeFrame(encodeTick(update))
      for (const listener of topic.ticks) listener.tick(update, frame)
    }
    // Else it is a price outside of regular hours, which no candle holds.
    if (update.trades > 0) for (const group of topic.candles.values()) group.touch(update)
    for (const group of topic.prices.values()) group.touch()
  }

  /** What is told beside the price has changed. */
  requote(symbol: string): void {
    for (const group of this.#topics.get(symbol)?.prices.values() ?? []) group.requote()
  }

  /** A change behind the stream is news to everyone, whatever tick their snapshot was as of. */
  revise(symbol: string, time: number): void {
    const groups = this.#topics.get(symbol)?.candles.values() ?? []
    for (const group of groups) group.revise(time)
  }

  /** A candle that became final. */
  candle(symbol: string, timeframe: ChartTimeframe, candle: Candle): void {
    const groups = [...(this.#topics.get(symbol)?.candles.values() ?? [])].filter((it) => it.timeframe === timeframe)
    if (groups.length === 0) return
    const cursor = this.#source.stream(symbol)?.cursor ?? null
    const frame = encodeFrame(encodeCandle(symbol, timeframe, candle, cursor))
    for (const group of groups) group.final(candle.time, frame)
  }

  /** Buckets are over, and their candles are told as final: what else there is to say of them. */
  closed(): void {
    for (const { candles } of this.#topics.values()) for (const group of candles.values()) group.close()
    this.intervals.announce()
  }

  gap(message: ServerMessage<'gap'>): void {
    const topic = this.#topics.get(message.symbol)
    if (!topic) return
    const frame = encodeFrame(encode(message))
    for (const listener of topic.ticks) listener.gap(frame, message)
    for (const listener of topic.joining) listener.gap(frame, message)
  }

  join(symbol: string, listener: TickListener): void {
    this.#open(symbol).joining.add(listener)
  }

  goLive(symbol: string, listener: TickListener): void {
    const topic = this.#open(symbol)
    topic.joining.delete(listener)
    topic.ticks.add(listener)
  }

  leaveTicks(symbol: string, listener: TickListener): void {
    const topic = this.#topics.get(symbol)
    topic?.joining.delete(listener)
    topic?.ticks.delete(listener)
    this.#prune(symbol)
  }

  joinCandles(member: CandleSubscription): void {
    const { symbol, timeframe, interval } = member
    const { candles } = this.#open(symbol)
    const key = groupKey(member)
    const group =
      candles.get(key) ?? new CandleGroup(timeframe, interval, this.#cadence, () => this.#source.stream(symbol))
    candles.set(key, group)
    group.add(member)
    this.intervals.join(member)
  }

  leaveCandles(member: CandleSubscription): void {
    const candles = this.#topics.get(member.symbol)?.candles
    const group = candles?.get(groupKey(member))
    group?.remove(member)
    if (group?.size === 0) candles?.delete(groupKey(member))
    this.intervals.leave(member)
    this.#prune(member.symbol)
  }

  /** Returns how many ticks the group has counted so far. */
  joinPrices(member: PriceSubscription): number {
    const { symbol, interval } = member
    const { prices } = this.#open(symbol)
    const view = () => this.#source.stream(symbol)
    const group = prices.get(interval) ?? new PriceGroup(interval, this.#cadence, view, this.#now)
    prices.set(interval, group)
    group.members.add(member)
    return group.count
  }

  leavePrices(member: PriceSubscription): void {
    const prices = this.#topics.get(member.symbol)?.prices
    const group = prices?.get(member.interval)
    group?.members.delete(member)
    if (group?.members.size === 0) prices?.delete(member.interval)
    this.#prune(member.symbol)
  }

  #open(symbol: string): Topic {
    const found = this.#topics.get(symbol)
    if (found) return found
    const topic: Topic = { ticks: new Set(), joining: new Set(), candles: new Map(), prices: new Map() }
    this.#topics.set(symbol, topic)
    return topic
  }

  #prune(symbol: string): void {
    const topic = this.#topics.get(symbol)
    if (!topic) return
    const { ticks, joining, candles, prices } = topic
    if (ticks.size + joining.size + candles.size + prices.size === 0) this.#topics.delete(symbol)
  }
}

function groupKey({ timeframe, interval }: CandleSubscription): string {
  return `${timeframe} ${interval}`
}
