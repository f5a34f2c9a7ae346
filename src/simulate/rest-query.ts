/** What the exchange answers instead of data: an HTTP status and `{"code","msg"}`. */
export class Refusal extends Error {
  readonly status: number
  readonly code: number
  /** When to come again, wall time, Unix ms: sent as `Retry-After`. */
  readonly until: number | undefined

  constructor(code: number, msg: string, { status = 400, until }: { status?: number; until?: number } = {}) {
    super(msg)
    this.name = 'Refusal'
    this.code = code
    this.status = status
    this.until = until
  }
}

const SYMBOL = /^[A-Z0-9-_.]{1,20}$/
const WHOLE = /^[0-9]{1,20}$/

/** The parameters of a request, read as the exchange reads them. Source: its errors.md. */
export interface RestQuery {
  /** @throws Refusal -1102 without it, -1100 for other characters */
  requiredSymbol(): string
  optionalSymbol(): string | undefined
  /** `symbols=["A","B"]`. @throws Refusal -1100 when it is not such a list */
  symbols(): readonly string[] | undefined
  required(name: string): string
  optional(name: string): string | undefined
  /** @throws Refusal -1100 when it is not a whole number */
  whole(name: string): number | undefined
  /** Default 500; more than 1000 is cut to 1000. @throws Refusal -1130 for 0 */
  limit(): number
}

/** Reads `parameters`, of which there may be none but `allowed`. @throws Refusal -1104 for another, -1101 for a double */
export function readQuery(parameters: URLSearchParams, allowed: readonly string[]): RestQuery {
  const names = [...parameters.keys()]
  if (new Set(names).size < names.length) throw new Refusal(-1101, 'Duplicate values for a parameter detected.')
  const read = names.filter((name) => allowed.includes(name)).length
  if (read < names.length) {
    const counts = `read '${read}' parameter(s) but was sent '${names.length}'`
    throw new Refusal(-1104, `Not all sent parameters were read; ${counts}.`)
  }
  const optional = (name: string) => {
    const value = parameters.get(name) ?? undefined
    if (value === '') throw new Refusal(-1105, `Parameter '${name}' was empty.`)
    return value
  }
  const required = (name: string) => {
    const value = parameters.get(name)
    if (value) return value
    throw new Refusal(-1102, `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`)
  }
  const whole = (name: string) => {
    const value = optional(name)
    return value === undefined ? undefined : Number(legal(name, value, WHOLE))
  }
  return {
    required,
    optional,
    whole,
    requiredSymbol: () => legal('symbol', required('symbol'), SYMBOL),
    optionalSymbol() {
      const value = optional('symbol')
      return value === undefined ? undefined : legal('symbol', value, SYMBOL)
    },
    symbols() {
      const value = optional('symbols')
      return value === undefined ? undefined : symbolList(value)
    },
    limit() {
      const limit = whole('limit') ?? 500
      if (limit === 0) throw new Refusal(-1130, "Data sent for parameter 'limit' is not valid.")
      return Math.min(limit, 1000)
    },
  }
}

function legal(name: string, value: string, shape: RegExp): string {
  if (shape.test(value)) return value
  throw new Refusal(-1100, `Illegal characters found in parameter '${name}'; legal range is '${shape.source}'.`)
}

function symbolList(text: string): readonly string[] {
  if (!/^\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}")*\]$/.test(text)) {
    const range = '^\\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\\]$'
    throw new Refusal(-1100, `Illegal characters found in parameter 'symbols'; legal range is '${range}'.`)
  }
  return JSON.parse(text) as readonly string[]
}
