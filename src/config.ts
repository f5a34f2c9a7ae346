import { z } from 'zod'
import { GatewayError } from './base/errors.ts'
import { schema } from './config/schema.ts'

type Settings = z.output<typeof schema>

/** `YAHOO_POLL_MS` as a field: `yahooPollMs`. */
type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<Name>

/** Everything that can be configured, read and checked: one field a variable, camelCase of its name. Frozen. */
export type Config = { readonly [Name in keyof Settings as CamelCase<Name>]: Settings[Name] }

/** A variable as README, `.env.example` and messages know it. */
export interface ConfigVariable {
  readonly name: string
  /** The default as it would be written; undefined: none. */
  readonly standard: string | undefined
  readonly secret: boolean
  /** Read and checked, but this version does not act on it yet. */
  readonly later: boolean
  /** One line, in Markdown. */
  readonly description: string
}

/** Every variable, in the order of the documents. Taken from the schema, so that there is nothing to forget. */
export const CONFIG_VARIABLES: readonly ConfigVariable[] = Object.entries(
  z.toJSONSchema(schema, { io: 'input' }).properties ?? {},
).map(([name, property]) => {
  const meta = typeof property === 'object' ? property : {}
  return {
    name,
    standard: typeof meta.default === 'string' && meta.default !== '' ? meta.default : undefined,
    secret: meta.secret === true,
    later: meta.later === true,
    description: meta.description ?? '',
  }
})

/** In these an empty text means an empty list; everywhere else it means "not set". */
const EMPTY_IS_A_VALUE: readonly string[] = ['CRYPTO_SYMBOLS', 'STOCK_SYMBOLS', 'MACRO_SERIES', 'HOT_SYMBOLS']

/**
 * Reads the configuration from environment variables. Pure; unknown variables are ignored.
 *
 * @throws GatewayError config_invalid with one line for every problem: variable, rule, value found (of a secret: set).
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const found = Object.fromEntries(CONFIG_VARIABLES.map(({ name }) => [name, readText(env, name)]))
  const result = schema.safeParse(found)
  if (!result.success) throw new GatewayError('config_invalid', describeProblems(result.error, found))
  return freeze(Object.fromEntries(Object.entries(result.data).map(([name, value]) => [camelCase(name), value])))
}

/** The variables set in `env` that this version reads but does not act on yet: worth a warning at the start. */
export function variablesForLater(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return CONFIG_VARIABLES.filter(({ name, later }) => later && readText(env, name)).map(({ name }) => name)
}

function readText(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const value = env[name]?.trim()
  return value === '' && !EMPTY_IS_A_VALUE.includes(name) ? undefined : value
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** The fields are named as `Config` says, which the compiler cannot follow through `Object.fromEntries`. */
function freeze(fields: Record<string, unknown>): Config {
  for (const value of Object.values(fields)) if (Array.isArray(value)) for (const entry of value) Object.freeze(entry)
  for (const value of Object.values(fields)) Object.freeze(value)
  return Object.freeze(fields) as Config
}

function describeProblems(error: z.ZodError, found: Readonly<Record<string, string | undefined>>): string {
  return error.issues
    .map(({ path, message }) => `${String(path[0])} ${message}, was ${showValue(String(path[0]), found)}`)
    .join('\n')
}

/** What was found: of a secret only whether, of a URL no password, of anything long only the beginning. */
function showValue(name: string, found: Readonly<Record<string, string | undefined>>): string {
  const { secret, standard } = CONFIG_VARIABLES.find((variable) => variable.name === name) ?? {}
  const value = found[name]
  if (secret) return value === undefined ? 'not set' : 'set'
  if (value === undefined) return standard === undefined ? 'not set' : `not set (default ${standard})`
  const shown = value.replace(/\/\/.*@/, '//***@').replace(/\p{Cc}/gu, ' ')
  return `'${shown.length > 200 ? `${shown.slice(0, 200)}...` : shown}'`
}
