import type { IncomingMessage, ServerResponse } from 'node:http'

const MINUTE = 60_000
/** Where a scripted gateway's candles begin. */
const START = Date.UTC(2026, 0, 5)

/** `/api/v1/chart` as a test plays it: a candle for each of `history` minutes before those of the scripted gateway. */
export interface ScriptedCharts {
  history: number
  complete: boolean
  /** `to` of each request. */
  readonly asked: readonly string[]
  /** Waited for before an answer. */
  before: () => Promise<void>
  /** False: it is no request for a chart. */
  answer(request: IncomingMessage, response: ServerResponse): boolean
}

export function createScriptedCharts(): ScriptedCharts {
  const asked: string[] = []
  const charts: ScriptedCharts = {
    ...{ history: 0, complete: true, asked, before: async () => {} },
    answer(request, response) {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://gateway')
      if (!pathname.startsWith('/api/v1/chart/')) return false
      asked.push(`${pathname} ${searchParams.get('to')}`)
      void charts.before().then(() => response.end(JSON.stringify(page(searchParams))))
      return true
    },
  }

  function page(query: URLSearchParams) {
    const first = START - charts.history * MINUTE
    const to = Math.min(Number(query.get('to')), START)
    const from = Math.max(first, to - Number(query.get('limit')) * MINUTE)
    const count = Math.max(0, (to - from) / MINUTE)
    const candles = Array.from({ length: count }, (_, n) => [from + n * MINUTE, 2_300, 2_301, 2_299, 2_300.25, 1])
    return { symbol: 'ETH', timeframe: '1m', complete: charts.complete, before: from > first ? from : null, candles }
  }
  return charts
}
