// https://fred.stlouisfed.org/docs/api/fred/series_updates.html
import { z } from 'zod'
import type { FredClient } from './fred-client.ts'
import { UpdatedSeries } from './fred-series.ts'

/** When series were last updated (Unix seconds), by id; undefined: each has to be asked for itself. */
export type Updates = ReadonlyMap<string, number> | undefined

/** FRED updates some hundred thousand series: what is listed since the last poll is seldom more than a page. */
export const UPDATES_A_PAGE = 200

/** Follows the list of all series, the one that was updated last first. */
export class FredUpdates {
  readonly #client: FredClient
  readonly #rowsAPage: number
  /** The newest update that was on the list when it was last read to where it was known. */
  #mark: number | undefined

  constructor(client: FredClient, rowsAPage = UPDATES_A_PAGE) {
    this.#client = client
    this.#rowsAPage = rowsAPage
  }

  /**
   * What was updated since the last call. Undefined at the first, when the list has run backwards, and when it is longer
   * than `mostPages`: then it costs less to ask for each series of ours.
   */
  async next(mostPages: number, signal: AbortSignal): Promise<Updates> {
    const updates = new Map<string, number>()
    const mark = this.#mark
    let newest: number | undefined
    for (let page = 0; page < mostPages; page++) {
      const { count, listed } = await this.#ask(page * this.#rowsAPage, signal)
      newest ??= listed[0]?.last_updated
      for (const { id, last_updated } of listed) if (!updates.has(id)) updates.set(id, last_updated)
      if (mark === undefined || newest === undefined || newest < mark) break
      // Those of the mark's own second are listed again: another may have come after them.
      const isKnown = listed.some(({ last_updated }) => last_updated < mark)
      if (isKnown || (page + 1) * this.#rowsAPage >= count) {
        this.#mark = newest
        return updates
      }
    }
    this.#mark = newest ?? mark
    return undefined
  }

  async #ask(offset: number, signal: AbortSignal) {
    const parameters = { filter_value: 'all', limit: this.#rowsAPage, offset }
    const answer = await this.#client.ask({ path: 'series/updates', parameters }, UpdateList, signal)
    // Without the list there is still each series.
    const { count, seriess } = 'body' in answer ? answer.body : { count: 0, seriess: [] }
    // Nearly all are none of ours: an odd row among them is not our trouble.
    return { count, listed: seriess.flatMap((row) => UpdatedSeries.safeParse(row).data ?? []) }
  }
}

const UpdateList = z.object({ count: z.int().nonnegative(), seriess: z.array(z.unknown()) })
