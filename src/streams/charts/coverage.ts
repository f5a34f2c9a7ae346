import { type Instrument, streamName } from '../../market/instrument.ts'
import { type TimeRange, withRange } from '../../market/time-range.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { CoveredCandles } from '../../tiers/database/coverage.ts'
import type { Database } from '../../tiers/database/database.ts'

/** What the database knows to be all that the source has: read once, then kept here as it grows. */
export class Coverage {
  readonly #database: Pick<Database, 'coverage' | 'cover'>
  readonly #ranges = new Map<string, readonly TimeRange[]>()

  constructor(database: Pick<Database, 'coverage' | 'cover'>) {
    this.#database = database
  }

  /** Ascending and apart. @throws GatewayError tier_unavailable */
  async of(instrument: Instrument, timeframe: Timeframe): Promise<readonly TimeRange[]> {
    const key = keyOf(instrument, timeframe)
    const known = this.#ranges.get(key)
    if (known !== undefined) return known
    const rows = await this.#database.coverage(instrument, timeframe)
    // Somebody may have read it or added to it meanwhile: what is known only grows.
    const ranges = [...(this.#ranges.get(key) ?? []), ...rows].reduce(withRange, [])
    this.#ranges.set(key, ranges)
    return ranges
  }

  /** @throws GatewayError tier_unavailable, row_refused: nothing is known of the range then */
  async cover(covered: CoveredCandles): Promise<void> {
    await this.#database.cover(covered)
    const known = await this.of(covered.instrument, covered.timeframe)
    this.#ranges.set(keyOf(covered.instrument, covered.timeframe), withRange(known, covered.range))
  }
}

function keyOf(instrument: Instrument, timeframe: Timeframe): string {
  return `${streamName(instrument)} ${timeframe}`
}
