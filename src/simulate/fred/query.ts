/** What FRED answers instead of data: a status, and a body with `error_code` and `error_message`. */
export class FredRefusal extends Error {
  readonly status: number
  /** Sent as `Retry-After`. */
  readonly retryAfterS: number | undefined

  constructor(message: string, status = 400, retryAfterS?: number) {
    super(message)
    this.name = 'FredRefusal'
    this.status = status
    this.retryAfterS = retryAfterS
  }
}

/** The parameters of a request, read as FRED reads them. */
export interface FredQuery {
  text(name: string): string | undefined
  /** `YYYY-MM-DD`. @throws FredRefusal for anything else */
  day(name: string, standard: string): string
  /** @throws FredRefusal outside of the bounds */
  whole(name: string, standard: number, least: number, most: number): number
  /** @throws FredRefusal for one that is not among `allowed`, of which the first is the default */
  oneOf(name: string, allowed: readonly string[]): string
}

export function readFredQuery(parameters: URLSearchParams): FredQuery {
  const text = (name: string) => parameters.get(name) ?? undefined
  return {
    text,
    day(name, standard) {
      const value = text(name) ?? standard
      const isDay = /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value))
      if (isDay) return value
      throw new FredRefusal(`Bad Request.  Variable ${name} is not a YYYY-MM-DD formatted date (e.g. 2000-02-24).`)
    },
    whole(name, standard, least, most) {
      const value = text(name) ?? String(standard)
      if (/^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most) return Number(value)
      throw new FredRefusal(`Bad Request.  Variable ${name} is not between ${least} and ${most}.`)
    },
    oneOf(name, allowed) {
      const value = text(name) ?? allowed[0]!
      if (allowed.includes(value)) return value
      throw new FredRefusal(`Bad Request.  Variable ${name} is not one of the values: ${allowed.join(', ')}.`)
    },
  }
}
