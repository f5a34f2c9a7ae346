import { GatewayError, isGatewayError } from '../../base/errors.ts'
import { isServerAnswer } from '../database/sqlstate.ts'

/** Whether the database answers, as its last answers tell. */
export interface PresenceStatus {
  readonly state: 'open' | 'away'
  /** Unix ms. */
  readonly since: number
  /** Why it is away. Never a secret. */
  readonly reason?: string
}

/** While nothing else tries the database, one who reads may, so often. */
const TRY_EVERY_MS = 1_000

/**
 * Keeps those who read from waiting for a database that does not answer: the first who finds out tells all, those who
 * wait then included. What a server answers, be it a refusal, says that it is there.
 */
export class Presence {
  readonly #now: () => number
  /** Somebody else finds out when it is back. */
  readonly #isTried: () => boolean
  #status: PresenceStatus
  #error: GatewayError | undefined
  /** Reads under way. */
  readonly #reads = new Set<(error: GatewayError) => void>()
  #triedAt = Number.NEGATIVE_INFINITY

  constructor(isTried: () => boolean, now: () => number) {
    this.#isTried = isTried
    this.#now = now
    this.#status = { state: 'open', since: now() }
  }

  get status(): PresenceStatus {
    return this.#status
  }

  /** The database has answered. */
  found(): void {
    if (this.#error === undefined) return
    this.#error = undefined
    this.#status = { state: 'open', since: this.#now() }
  }

  /** Takes what a call has thrown; returns what its caller is to be told. */
  lost(thrown: unknown): unknown {
    const error = absenceOf(thrown)
    if (error === undefined) return thrown
    this.#triedAt = this.#now()
    const isNew = this.#error === undefined
    this.#error = error
    this.#status = { state: 'away', since: isNew ? this.#now() : this.#status.since, reason: error.message }
    for (const giveUp of this.#reads) giveUp(error)
    this.#reads.clear()
    return error
  }

  /** Runs a read. @throws GatewayError tier_unavailable, at once when it is known that the database is away */
  async read<T>(work: () => Promise<T>): Promise<T> {
    if (this.#error !== undefined) {
      const isDue = this.#now() - this.#triedAt >= TRY_EVERY_MS
      if (this.#isTried() || !isDue) throw this.#error
      this.#triedAt = this.#now()
      return this.#watch(work)
    }
    return new Promise((resolve, giveUp) => {
      this.#reads.add(giveUp)
      const watched = this.#watch(work).finally(() => this.#reads.delete(giveUp))
      watched.then(resolve, giveUp)
    })
  }

  async #watch<T>(work: () => Promise<T>): Promise<T> {
    try {
      const answer = await work()
      this.found()
      return answer
    } catch (error) {
      throw this.lost(error)
    }
  }
}

/** It let the gateway in once: if it does not any more, it is as good as away until somebody mends that. */
function absenceOf(thrown: unknown): GatewayError | undefined {
  if (isGatewayError(thrown, 'config_invalid')) {
    return new GatewayError('tier_unavailable', thrown.message, { cause: thrown })
  }
  return isGatewayError(thrown, 'tier_unavailable') && !isServerAnswer(thrown.cause) ? thrown : undefined
}
