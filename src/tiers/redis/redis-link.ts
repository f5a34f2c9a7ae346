import { TLSSocket } from 'node:tls'
import { Redis } from 'ioredis'
import type { Log } from '../../base/log.ts'
import { createTally, type Tally } from '../../base/tally.ts'
import { describeFailure, type RedisFailure } from './failures.ts'
import { connectPauseMs, linkOptions } from './link-options.ts'
import type { RedisAddress } from './redis-address.ts'
import type { RedisCounts } from './redis-stats.ts'
import type { RedisStatus } from './redis-tier.ts'
import { TRIAL } from './scripts.ts'

export interface RedisLinkOptions {
  readonly address: RedisAddress
  readonly counts: RedisCounts
  /** Called when a trial was answered, before anybody else can ask anything. */
  readonly onServing: () => void
  readonly log: Log
  /** Unix ms. */
  readonly now: () => number
}

/** Written and deleted by every trial, so that a Redis that takes no writes is found out. */
const TRIAL_KEY = 'tickgate:trial'
const TRIAL_PAUSE_MS = 250
/** Before the next attempt to connect when the last was refused. */
const REFUSED_PAUSE_MS = 500
/** How often a live connection that nobody uses is asked. */
const CHECK_EVERY_MS = 500
const MOST_IN_FLIGHT = 4_096
const MOST_BYTES_IN_FLIGHT = 32 * 2 ** 20
/**
 * The connection to Redis with its circuit breaker. Calls go through while it is live. The first that gets no answer
 * in time stops all others until a trial is answered on the same connection; a trial that fails is an outage: calls are
 * answered at once, the connection is replaced, and trials go on until one is answered. So it is the link that pays for
 * trials, and no caller.
 */
export class RedisLink {
  readonly #redis: Redis
  readonly #options: RedisLinkOptions
  readonly #listeners = new Set<(status: RedisStatus) => void>()
  #status: RedisStatus
  /** Of connections: what is heard of an older one is no news. */
  #generation = 0
  #trying = false
  #trialTimer: NodeJS.Timeout | undefined
  readonly #checkTimer: NodeJS.Timeout
  /** What was said before the connection closed. */
  #lastFailure: RedisFailure | undefined
  #inFlight = 0
  #bytesInFlight = 0
  #answeredAt = 0
  readonly #tally: Tally
  readonly #refusals: Tally
  /** The log has a line about this outage: one that comes and goes all the time has not got one each time. */
  #isTold = false
  #closed = false

  constructor(options: RedisLinkOptions) {
    this.#options = options
    this.#status = { state: 'connecting', since: options.now() }
    this.#tally = createTally(
      (outages, reason) => {
        this.#isTold = true
        options.log.warn({ reason, outages }, 'Redis unavailable, using memory fallback')
      },
      () => performance.now(),
    )
    this.#refusals = createTally(
      (calls, reason) => options.log.warn({ reason, calls }, 'Redis refused a command'),
      () => performance.now(),
    )
    this.#redis = new Redis(linkOptions(options.address, 'tickgate', (attempt) => this.#connectPauseMs(attempt)))
    // Every error of the connection is followed by its close.
    this.#redis.on('error', (error: unknown) => {
      this.#lastFailure = describeFailure(error)
    })
    this.#redis.on('ready', () => {
      this.#lastFailure = undefined
      this.#try()
    })
    this.#redis.on('close', () => {
      this.#generation += 1
      this.#trying = false
      this.#down(this.#lastFailure?.reason ?? 'the connection was closed')
    })
    this.#checkTimer = setInterval(() => this.#check(), CHECK_EVERY_MS)
  }

  get status(): RedisStatus {
    return this.#status
  }

  /**
   * Makes a call; undefined when it could not be made or was not answered. Never throws, never takes longer than
   * COMMAND_TIMEOUT_MS. `bytes` are what it sends, about.
   */
  async ask<T>(bytes: number, call: (redis: Redis) => Promise<T>): Promise<{ readonly value: T } | undefined> {
    const { counts } = this.#options
    if (this.#status.state !== 'live' || this.#trying) {
      counts.skipped += 1
      return undefined
    }
    if (
      this.#inFlight >= MOST_IN_FLIGHT ||
      (this.#inFlight > 0 && this.#bytesInFlight + bytes > MOST_BYTES_IN_FLIGHT)
    ) {
      counts.overflowed += 1
      return undefined
    }
    const generation = this.#generation
    this.#inFlight += 1
    this.#bytesInFlight += bytes
    try {
      const value = await call(this.#redis)
      counts.answered += 1
      this.#answeredAt = performance.now()
      return { value }
    } catch (error) {
      counts.failed += 1
      if (generation === this.#generation && this.#status.state === 'live') this.#failed(describeFailure(error))
      return undefined
    } finally {
      this.#inFlight -= 1
      this.#bytesInFlight -= bytes
    }
  }

  onStatus(listener: (status: RedisStatus) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What is on its way fails. */
  close(): void {
    this.#closed = true
    clearInterval(this.#checkTimer)
    clearTimeout(this.#trialTimer)
    this.#listeners.clear()
    this.#status = { state: 'down', since: this.#options.now(), reason: 'it was closed' }
    this.#redis.disconnect()
  }

  /** Outages are noticed although nobody asks anything. */
  #check(): void {
    if (this.#status.state !== 'live' || performance.now() - this.#answeredAt < CHECK_EVERY_MS / 2) return
    void this.ask(0, (redis) => redis.ping())
  }

  #failed(failure: RedisFailure): void {
    if (failure.kind === 'timeout') this.#try()
    else if (failure.kind === 'refused') this.#refused(failure)
    // A closed connection says so itself.
    else if (failure.kind === 'command') this.#refusals.count(failure.reason)
  }

  /** Replies come in order: when the trial is answered, whatever was asked before has been. */
  #try(): void {
    clearTimeout(this.#trialTimer)
    if (this.#trying || this.#closed) return
    this.#trying = true
    const generation = this.#generation
    const settle = (failure?: RedisFailure) => {
      if (generation !== this.#generation || this.#closed) return
      this.#trying = false
      if (failure === undefined) this.#live()
      else if (failure.kind === 'refused' || failure.kind === 'command') this.#refused(failure)
      else this.#replace(failure)
    }
    this.#redis.eval(TRIAL, 1, TRIAL_KEY).then(
      () => settle(),
      (error: unknown) => settle(describeFailure(error)),
    )
  }

  #live(): void {
    const { log, now, onServing } = this.#options
    const { state, since } = this.#status
    this.#answeredAt = performance.now()
    if (state !== 'live') this.#status = { state: 'live', since: now() }
    onServing()
    if (state !== 'live') this.#tell()
    if (this.#isTold) log.info({ downMs: now() - since }, 'Redis is back')
    this.#isTold = false
  }

  /** It answers, but does not serve us: the connection is good. */
  #refused({ reason }: RedisFailure): void {
    this.#down(reason)
    clearTimeout(this.#trialTimer)
    this.#trialTimer = setTimeout(() => this.#try(), TRIAL_PAUSE_MS)
  }

  /** A connection that is silent may be one that only we still know of: the next one decides. */
  #replace({ reason }: RedisFailure): void {
    this.#down(reason)
    this.#lastFailure = { kind: 'timeout', reason }
    // In any other state the client is already on its way to the next one.
    if (this.#redis.status !== 'ready') return
    const { stream } = this.#redis
    // A reset drops what was not sent yet: an end would let it arrive whenever the wire works again, behind newer values.
    if (stream instanceof TLSSocket) this.#redis.disconnect(true)
    else stream.resetAndDestroy()
  }

  #down(reason: string): void {
    clearTimeout(this.#trialTimer)
    const { state, since, reason: before } = this.#status
    if (this.#closed || (state === 'down' && reason === before)) return
    const { counts, now } = this.#options
    this.#status = { state: 'down', since: state === 'down' ? since : now(), reason }
    this.#tell()
    // Another reason for the same outage.
    if (state === 'down') return
    counts.outages += 1
    this.#isTold = false
    this.#tally.count(reason)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.#status)
  }

  #connectPauseMs(attempt: number): number {
    // A password does not become right by being said four times a second.
    return this.#lastFailure?.kind === 'refused' ? REFUSED_PAUSE_MS : connectPauseMs(attempt)
  }
}
