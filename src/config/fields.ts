// Readers of one variable's text. Each error is a rule in plain words that follows the variable's name.
import { z } from 'zod'
import { splitList } from '../market/symbol-list.ts'

export const text = z.string()

export const boolean = z.enum(['true', 'false'], 'must be true or false').transform((value) => value === 'true')

/** A whole number within inclusive bounds. */
export function wholeNumber(least: number, most: number) {
  const rule = `must be a whole number from ${least} to ${most}`
  return text
    .regex(/^\d{1,16}$/, rule)
    .transform(Number)
    .refine((value) => value >= least && value <= most, rule)
}

const BYTES_BY_UNIT = new Map([
  ['', 1],
  ['kib', 2 ** 10],
  ['mib', 2 ** 20],
  ['gib', 2 ** 30],
  ['tib', 2 ** 40],
])

/** A size such as `268435456`, `256MiB` or `4 GiB`, in bytes. */
export function bytes(least: number) {
  const rule = `must be a size such as 268435456, 256MiB or 4GiB, of at least ${least} bytes`
  return text
    .regex(/^\d{1,16} ?([kmgt]ib)?$/i, rule)
    .transform((size) => Number.parseInt(size, 10) * (BYTES_BY_UNIT.get(size.replace(/[\d ]/g, '').toLowerCase()) ?? 1))
    .refine((value) => value >= least && Number.isSafeInteger(value), rule)
}

/** A comma-separated list whose entries match `pattern`. */
export function listOf(pattern: RegExp, rule: string) {
  return text.transform(splitList).refine((entries) => entries.every((entry) => pattern.test(entry)), rule)
}

/** `URL`, or undefined where it is none: zod reports, so nothing is thrown. */
function parseUrl(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined
}

function isOrigin(value: string, schemes: readonly string[]): boolean {
  const url = parseUrl(value)
  if (!url || !schemes.includes(url.protocol)) return false
  const extras = `${url.username}${url.password}${url.pathname.slice(1)}${url.search}${url.hash}`
  return url.hostname !== '' && extras === ''
}

/** A scheme, a host and maybe a port; read without a trailing slash, so that paths are appended to it. */
export function origin(...schemes: readonly string[]) {
  const names = schemes.map((scheme) => `${scheme}//`).join(' or ')
  return text
    .refine((value) => isOrigin(value, schemes), `must be an origin, ${names} with a host and nothing after it`)
    .transform((value) => value.replace(/\/$/, ''))
}

/** Origins of pages, as browsers send them. */
export const pageOrigins = text
  .transform(splitList)
  .refine(
    (entries) => entries.every((entry) => isOrigin(entry, ['http:', 'https:'])),
    'must be a list of origins such as https://charts.example.com',
  )
  .transform((entries): readonly string[] => entries.map((entry) => new URL(entry).origin))

export const databaseUrl = text.refine(
  (value) => /^postgres(ql)?:$/.test(parseUrl(value)?.protocol ?? ''),
  'must be a URL such as postgres://user:password@host:5432/database',
)

/** Its user and password can be read, it names database 0 if any, and has no options: what is not acted on is refused. */
export const redisUrl = text
  .refine(
    (value) => /^rediss?:$/.test(parseUrl(value)?.protocol ?? '') && parseUrl(value)?.hostname !== '',
    'must be a URL such as redis://:password@host:6379, or rediss:// for TLS',
  )
  .refine((value) => {
    const url = parseUrl(value)
    return !url || isDecodable(`${url.username}${url.password}`)
  }, 'must have a % in its user and password written as %25')
  .refine((value) => {
    const url = parseUrl(value)
    return !url || (/^\/?0?$/.test(url.pathname) && /^0?$/.test(url.searchParams.get('db') ?? ''))
  }, 'must name database 0, the only one that tickgate uses')
  .refine(
    (value) => [...(parseUrl(value)?.searchParams.keys() ?? [])].every((name) => name === 'db'),
    'must have no options after a question mark',
  )

function isDecodable(encoded: string): boolean {
  try {
    decodeURIComponent(encoded)
    return true
  } catch {
    return false
  }
}
