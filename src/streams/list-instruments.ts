import { type BackoffBounds, fullJitterMs, pause } from '../base/backoff.ts'
import { GatewayError, isGatewayError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Feed, Resolved } from '../feed.ts'
import type { Instrument } from '../market/instrument.ts'
import type { Database } from '../tiers/database/database.ts'
import type { MemoryTier } from '../tiers/memory/memory.ts'

export interface ListInstrumentsPorts {
  readonly feed: Feed
  readonly memory: MemoryTier
  readonly database: Database
  /** Makes an instrument served, from what is stored of it. */
  readonly open: (instrument: Instrument, signal: AbortSignal) => Promise<void>
  /** Between two tries to reach the source. */
  readonly backoff: BackoffBounds
  readonly log: Log
}

/** Which instruments a feed has: as the source lists them, or as they are stored until it can be asked. */
export class InstrumentList {
  readonly #ports: ListInstrumentsPorts
  #stored: readonly Instrument[] | undefined
  #listed: readonly Instrument[] | undefined

  constructor(ports: ListInstrumentsPorts) {
    this.#ports = ports
  }

  /** Opens what the database knows of the configured symbols, once, so that it can be served before the source answers. */
  async openStored(signal: AbortSignal): Promise<void> {
    if (this.#stored !== undefined) return
    const { feed, database, open } = this.#ports
    const isConfigured = ({ source, symbol, sourceSymbol }: Instrument) =>
      source === feed.name && feed.symbols.some((each) => each.symbol === symbol && each.sourceSymbol === sourceSymbol)
    const known = await this.#unlessAway(() => database.instruments())
    if (known === undefined) return
    const stored = known.filter(isConfigured)
    await database.register(stored)
    for (const instrument of stored) await open(instrument, signal)
    if (!signal.aborted) this.#stored = stored
  }

  /** Undefined while the database is away: it is asked again at the next attempt. */
  async #unlessAway<Answer>(read: () => Promise<Answer>): Promise<Answer | undefined> {
    try {
      return await read()
    } catch (error) {
      if (!isGatewayError(error, 'tier_unavailable')) throw error
      const { feed, log } = this.#ports
      log.warn({ feed: feed.name, reason: error.message }, 'stored symbols are not known')
      return undefined
    }
  }

  /**
   * Asks the source once for its instruments and makes them known. When it cannot be asked (it may have banned us from
   * questions for days, but not from its stream), the stored ones are to do.
   * @throws GatewayError feed_refused; feed_broken when none is stored
   */
  async ask(signal: AbortSignal): Promise<readonly Instrument[]> {
    const { feed, memory, database, open, log } = this.#ports
    if (this.#listed !== undefined) return this.#listed
    try {
      const { instruments, refused } = await this.#resolve(signal)
      for (const { symbol, reason } of refused) {
        log.error({ feed: feed.name, symbol, reason }, 'symbol refused')
        const stored = memory.stream(symbol)
        if (stored !== undefined) stored.over = true
      }
      await database.register(instruments)
      for (const instrument of instruments) await open(instrument, signal)
      this.#answered()
      this.#listed = instruments
      return instruments
    } catch (error) {
      const stored = this.#stored ?? []
      if (!isGatewayError(error, 'feed_broken') || signal.aborted || stored.length === 0) throw error
      log.warn(
        { feed: feed.name, reason: error.message },
        'the source does not list its symbols: stored ones are taken',
      )
      return stored
    }
  }

  /**
   * Runs `receive` until it ends. While stored instruments run, the source is asked until it has listed its own.
   * @throws GatewayError what `receive` throws; feed_broken when the source lists others, so that the feed begins anew
   */
  async whileConfirmed(
    running: readonly Instrument[],
    receive: (signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const over = new AbortController()
    const received = AbortSignal.any([signal, over.signal])
    const receiving = receive(received)
    try {
      await Promise.race([receiving, this.confirm(running, received).then(() => receiving)])
    } finally {
      over.abort()
      // What it ended with has been thrown already.
      await receiving.catch(() => {})
    }
  }

  /**
   * While stored instruments run: asks until the source has listed its own. Rejects when they are others, so that the
   * feed begins anew with them; resolves when there is nothing to ask, and on abort.
   */
  async confirm(running: readonly Instrument[], signal: AbortSignal): Promise<void> {
    if (this.#listed !== undefined) return
    const listed = await this.#askUntilAnswered(signal)
    if (listed === undefined) return
    const { feed } = this.#ports
    if (describe(listed.instruments) !== describe(running)) {
      throw new GatewayError('feed_broken', `${feed.name} must run what the source lists, ran what is stored`)
    }
    this.#answered()
    this.#listed = listed.instruments
  }

  /** That it refuses is an answer too: nobody is to wait for its symbols. */
  async #resolve(signal: AbortSignal): Promise<Resolved> {
    try {
      return await this.#ports.feed.resolve(signal)
    } catch (error) {
      if (isGatewayError(error) && error.decision === 'refuse') this.#answered()
      throw error
    }
  }

  #answered(): void {
    const { feed, memory } = this.#ports
    for (const { symbol } of feed.symbols) memory.answered(symbol)
  }

  async #askUntilAnswered(signal: AbortSignal): Promise<Resolved | undefined> {
    for (let attempt = 0; ; attempt++) {
      if (!(await pause(fullJitterMs(attempt, this.#ports.backoff), signal))) return undefined
      try {
        return await this.#resolve(signal)
      } catch (error) {
        if (!isGatewayError(error, 'feed_broken')) throw error
      }
    }
  }
}

function describe(instruments: readonly Instrument[]): string {
  const rows = instruments.map((each) => [
    ...[each.symbol, each.source, each.sourceSymbol, each.assetClass],
    ...[each.priceDigits, each.sizeDigits],
  ])
  return rows.map(String).sort().join()
}
