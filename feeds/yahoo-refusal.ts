/**
 * What Yahoo's answer was instead of what was asked for.
 *
 * `throttled`, `consent`: it answers nobody at this address for a while. `crumb`: the secret is no longer good.
 * `unknown`: it has no such symbol. `no_data`: it has nothing in that range. `broken`: all else.
 */
export type RefusalKind = 'throttled' | 'consent' | 'crumb' | 'unknown' | 'no_data' | 'broken'

/** Its message never holds a URL, a cookie or a crumb. */
export class YahooRefusal extends Error {
  readonly kind: RefusalKind
  readonly retryAfterMs: number | undefined

  constructor(kind: RefusalKind, message: string, retryAfterMs?: number) {
    super(message)
    this.name = 'YahooRefusal'
    this.kind = kind
    this.retryAfterMs = retryAfterMs
  }
}

/** What is asked: the page that gives cookies, the way to a consent in its place and its form, the crumb, data. */
export type Route = 'page' | 'consent' | 'consent-form' | 'crumb' | 'data'

/** An answer as far as it is judged by. */
export interface Answer {
  readonly route: Route
  readonly status: number
  readonly location: string | undefined
  readonly retryAfterMs: number | undefined
  /** Empty of a page, which is not read. */
  readonly body: string
}

const TOO_MANY = /too many requests/i
const CONSENT = /guce\.|consent/i
const NO_DATA = /data doesn't exist|data not available|must be within|worth of .* granularity/i
/** What Yahoo answers crawlers, of old. */
const REQUEST_DENIED = 999
const CRUMB = /^[^\s<>{}]{1,64}$/
const REASON_CHARACTERS = 160

/** Judges an answer before the package sees it, which would print the URL of a refused one, crumb and all. */
export function findRefusal(answer: Answer): YahooRefusal | undefined {
  const { route, status, body, retryAfterMs } = answer
  const refuse = (kind: RefusalKind, what: string) => new YahooRefusal(kind, what, retryAfterMs)
  const isTold = !body.startsWith('{') && TOO_MANY.test(body.slice(0, REASON_CHARACTERS))
  if (status === 429 || status === REQUEST_DENIED || isTold) return refuse('throttled', `${status} Too Many Requests`)
  const leadsOn = answer.location !== undefined || (route === 'consent-form' && status < 400)
  if (route.startsWith('consent')) return leadsOn ? undefined : refuse('consent', 'a consent page')
  if (route === 'page') return status < 500 ? undefined : refuse('broken', `${status} of the page that gives cookies`)
  if (status >= 300 && status < 400) {
    const isConsent = CONSENT.test(answer.location ?? '')
    return refuse(isConsent ? 'consent' : 'broken', `${status}, to ${isConsent ? 'a consent page' : 'elsewhere'}`)
  }
  if (status >= 400) return readError(answer)
  if (body.startsWith('<')) {
    const isConsent = CONSENT.test(body)
    return refuse(isConsent ? 'consent' : 'broken', isConsent ? 'a consent page' : 'a page of HTML')
  }
  if (route === 'crumb' && !CRUMB.test(body)) return refuse('broken', 'a crumb that is none')
  return undefined
}

/** Of a status from 400 on, by what Yahoo says of it in JSON, where it does. */
function readError({ route, status, body, retryAfterMs }: Answer): YahooRefusal {
  const told = readDescription(body)
  const said = [status, told].filter(Boolean).join(' ').slice(0, REASON_CHARACTERS)
  const refuse = (kind: RefusalKind) => new YahooRefusal(kind, said, retryAfterMs)
  if (route === 'crumb') return refuse('broken')
  if (status === 401) return refuse('crumb')
  if (status === 404 && told !== undefined) return refuse('unknown')
  if ((status === 400 || status === 422) && NO_DATA.test(told ?? '')) return refuse('no_data')
  return refuse('broken')
}

/** `{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, ..."}}}`, under whichever key. */
function readDescription(body: string): string | undefined {
  try {
    const envelope: unknown = JSON.parse(body)
    for (const part of Object.values(envelope ?? {})) {
      const description: unknown = part?.error?.description
      if (typeof description === 'string') return description
    }
  } catch {
    // An error page that is no JSON says nothing more than its status.
  }
  return undefined
}

/** What the package threw, or what the network did, as a refusal; `secret` is the crumb, which the text may repeat. */
export function toRefusal(error: unknown, secret: string | undefined): YahooRefusal {
  if (error instanceof YahooRefusal) return error
  const { name, message, cause } = error instanceof Error ? error : new Error(String(error))
  if (/invalid (crumb|cookie)/i.test(message)) return new YahooRefusal('crumb', 'Invalid Crumb')
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
  const plain = secret ? message.replaceAll(secret, '***').replaceAll(encodeURIComponent(secret), '***') : message
  const said = [code ?? name, plain].join(': ').replace(/\bcrumb=[^&\s"]*/g, 'crumb=***')
  return new YahooRefusal('broken', said.replace(/\s+/g, ' ').slice(0, REASON_CHARACTERS))
}
