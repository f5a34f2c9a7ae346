import { calendarOf } from '../../market/calendar.ts'
import { streamName } from '../../market/instrument.ts'
import { TIMEFRAME_MS } from '../../market/timeframe.ts'
import type { MemoryStream } from '../../tiers/memory/memory.ts'
import { type CandlePages, pageAt } from './candle-pages.ts'

/**
 * When each instrument was first traded, to the day of its exchange: before it there is nothing to ask for. Found by the longest
 * candles, of which a thousand are twenty years; what was asked for that is stored, so that no other run asks again.
 */
export class Listings {
  readonly #pages: CandlePages
  readonly #timeOf: (stream: MemoryStream) => number
  readonly #days = new Map<string, number>()
  readonly #searches = new Map<string, Promise<number | undefined>>()

  /** @param timeOf the time at a stream's source, Unix ms */
  constructor(pages: CandlePages, timeOf: (stream: MemoryStream) => number) {
    this.#pages = pages
    this.#timeOf = timeOf
  }

  /** As far as it is known already (Unix ms). */
  known({ instrument }: MemoryStream): number | undefined {
    return this.#days.get(streamName(instrument))
  }

  /** Unix ms; undefined: it cannot be known now, or it has not been traded yet. */
  async of(stream: MemoryStream): Promise<number | undefined> {
    const name = streamName(stream.instrument)
    const known = this.#days.get(name)
    if (known !== undefined) return known
    const search = this.#searches.get(name) ?? this.#search(stream).finally(() => this.#searches.delete(name))
    this.#searches.set(name, search)
    const day = await search
    if (day !== undefined) {
      this.#days.set(name, day)
      stream.firstTraded = day
    }
    return day
  }

  async #search(stream: MemoryStream): Promise<number | undefined> {
    const week = await this.#firstWeek(stream)
    if (week === undefined) return undefined
    const end = week + TIMEFRAME_MS['1W']
    for (let time = week; time < end; time = pageAt('1D', time).to) {
      const { candles, isWhole } = await this.#pages.read(stream, '1D', time)
      if (!isWhole) return undefined
      const first = candles.find((candle) => candle.time >= week)
      if (first !== undefined) return calendarOf(stream.instrument).beginOf('1D', Math.min(first.time, end))
    }
    return undefined
  }

  /** Back to the first page without a candle before one that has some. */
  async #firstWeek(stream: MemoryStream): Promise<number | undefined> {
    let first: number | undefined
    for (let page = pageAt('1W', this.#timeOf(stream)); page.to > 0; page = pageAt('1W', page.from - 1)) {
      const { candles, isWhole } = await this.#pages.read(stream, '1W', page.from)
      if (!isWhole) return undefined
      const [oldest] = candles
      if (oldest === undefined && first !== undefined) return first
      first = oldest?.time
    }
    return first
  }
}
