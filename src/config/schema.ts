import { isIP } from 'node:net'
import { z } from 'zod'
import { boolean, bytes, databaseUrl, listOf, origin, pageOrigins, redisUrl, text, wholeNumber } from './fields.ts'
import { binanceSymbol, findClashes, plainSymbols, sameSymbol, symbolList } from './symbols.ts'

declare module 'zod' {
  interface GlobalMeta {
    /** Its value never appears in a message or a log. */
    secret?: true
    /** Read and checked, but this version does not act on it yet. */
    later?: true
  }
}

const host = text.regex(/^[\w.:%-]{1,255}$/, 'must be an IP address or a host name')
const milliseconds = (least: number, most: number) => wholeNumber(least, most)
const apiKeys = listOf(
  /^[\w.-]+:[0-9a-f]{64}(:[\w-]*(:[\w+-]*)?)?$/i,
  'must be a comma-separated list of name:sha256[:expiry[:rights]] with 64 hexadecimal digits',
)
const publicOrigin = origin('http:', 'https:')

/** Every variable: how it is read, its default as text, and a line for its users. This table is the configuration. */
const variables = z.object({
  HOST: host.prefault('127.0.0.1').meta({
    description: 'Address to listen on. A public one needs `ALLOW_ANONYMOUS=true`: keys are not checked yet.',
  }),
  PORT: wholeNumber(0, 65_535).prefault('8080').meta({ description: 'Port to listen on; 0 takes a free one.' }),
  CRYPTO_SYMBOLS: symbolList(binanceSymbol).prefault('BTC,ETH,SOL,BNB,XRP').meta({
    description: '`BTC` means Binance `BTCUSDT`; `BTC=BTCUSDC` maps by hand; empty switches the feed off.',
  }),
  STOCK_SYMBOLS: symbolList(sameSymbol).prefault('NVDA,AAPL,MSFT,TSLA,SPY').meta({
    description: 'Yahoo symbols; empty switches the feed off.',
  }),
  MACRO_SERIES: symbolList(sameSymbol).prefault('GDP,CPIAUCSL,UNRATE,FEDFUNDS,DGS10').meta({
    description: 'FRED series; empty switches the feed off.',
  }),
  FRED_API_KEY: text.optional().meta({
    description: 'Key for FRED, free of charge; without it the feed is off.',
    secret: true,
  }),
  HOT_SYMBOLS: plainSymbols.prefault('BTC,ETH,NVDA,AAPL').meta({
    description: 'Symbols whose predictions live 1 s in the cache, not 3 s.',
  }),
  BINANCE_STREAM_URL: origin('ws:', 'wss:').prefault('wss://data-stream.binance.vision').meta({
    description: 'Origin of the market streams.',
  }),
  BINANCE_REST_URL: publicOrigin.prefault('https://data-api.binance.vision').meta({
    description: 'Origin of the REST API.',
  }),
  YAHOO_URL: publicOrigin.optional().meta({
    description: "Origin that stands in for Yahoo's public hosts.",
  }),
  FRED_URL: publicOrigin.optional().meta({
    description: "Origin that stands in for FRED's public host.",
  }),
  YAHOO_POLL_MS: milliseconds(100, 86_400_000).prefault('5000').meta({
    description: 'Time between polls of Yahoo.',
  }),
  FRED_POLL_MS: milliseconds(100, 86_400_000).prefault('120000').meta({
    description: 'Time between polls of FRED.',
  }),
  HOLD_BACK_MS: milliseconds(0, 600_000).prefault('5000').meta({
    description: 'Longest time that a stream waits for a hole to be filled.',
  }),
  LATENESS_MS: milliseconds(0, 600_000).prefault('2000').meta({
    description: "Time after a candle's end at which it becomes final.",
  }),
  BACKFILL_MAX: wholeNumber(0, 1_000_000_000).prefault('1000000').meta({
    description: 'Most trades fetched to fill one hole.',
  }),
  DATABASE_URL: databaseUrl.optional().meta({
    description: 'PostgreSQL 14 or newer; unset: embedded PGlite in `DATA_DIR`.',
    secret: true,
  }),
  DATA_DIR: text.prefault('./data').meta({
    description: 'Directory of the embedded database and of everything else that is kept.',
  }),
  REDIS_URL: redisUrl.optional().meta({
    description: 'Redis, database 0 (`rediss://`: over TLS); unset: memory only.',
    secret: true,
  }),
  REDIS_HOST: host.optional().meta({ description: 'Host of Redis, instead of `REDIS_URL`.' }),
  REDIS_PORT: wholeNumber(1, 65_535).prefault('6379').meta({ description: 'Its port.' }),
  REDIS_PASSWORD: text.optional().meta({
    description: 'Its password; also for a `REDIS_URL` that has none.',
    secret: true,
  }),
  CACHE_READ_ORDER: z
    .enum(['memory-first', 'redis-first'], 'must be memory-first or redis-first')
    .prefault('memory-first')
    .meta({ description: 'Which tier is asked first; or `redis-first`.' }),
  CACHE_MAX_BYTES: bytes(2 ** 20)
    .prefault('256MiB')
    .meta({ description: 'Bound of the memory cache.' }),
  TICK_RETENTION_DAYS: wholeNumber(1, 36_500).prefault('7').meta({
    description: 'Days for which ticks are kept.',
  }),
  SPOOL_MAX_BYTES: bytes(2 ** 20)
    .prefault('4GiB')
    .meta({ description: 'Bound of the spool on disk while PostgreSQL is away.' }),
  FLUSH_WINDOW_MS: milliseconds(0, 1_000).prefault('0').meta({
    description: 'Time for which frames are gathered before they are written; 0: one event-loop turn.',
  }),
  HEARTBEAT_MS: milliseconds(10, 3_600_000).prefault('15000').meta({ description: 'Time between heartbeats.' }),
  MAX_CONNECTIONS: wholeNumber(1, 1_000_000).prefault('20000').meta({ description: 'WebSocket connections in all.' }),
  MAX_CONNECTIONS_PER_ADDRESS: wholeNumber(1, 1_000_000).prefault('100').meta({
    description: 'Connections of one address; loopback is exempt.',
  }),
  MAX_SUBSCRIPTIONS: wholeNumber(1, 1_000_000)
    .prefault('1000')
    .meta({ description: 'Subscriptions of one connection.' }),
  MAX_MESSAGE_BYTES: wholeNumber(256, 16_777_216).prefault('65536').meta({
    description: 'Longest message of a client.',
  }),
  API_KEYS: apiKeys.prefault('').meta({
    description: 'Comma-separated `name:sha256[:expiry[:rights]]`; refused as long as no keys are checked.',
    secret: true,
    later: true,
  }),
  API_KEYS_FILE: text.optional().meta({ description: 'File of such keys, one a line; refused likewise.', later: true }),
  ALLOWED_ORIGINS: pageOrigins.prefault('').meta({
    description: 'Origins of pages that may connect; unset: the same origin, and loopback.',
  }),
  ALLOW_ANONYMOUS: boolean.prefault('false').meta({
    description: '`true` lets everyone connect to a public host.',
  }),
  PREDICTION_MODELS: text.optional().meta({ description: 'Directory of XGBoost model JSON files.', later: true }),
  ROLE: z.enum(['all'], 'must be all').prefault('all').meta({ description: 'What this node does.' }),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
      error: 'must be fatal, error, warn, info, debug, trace or silent',
    })
    .prefault('info')
    .meta({ description: 'Least severe level that is logged.' }),
})

type Variable = keyof typeof variables.shape

/** Runs a rule over several variables although others are wrong, if only those that it reads are right. */
function whenRight(...names: readonly Variable[]) {
  return {
    when: ({ issues }: { readonly issues: readonly { readonly path?: readonly PropertyKey[] | undefined }[] }) =>
      !issues.some(({ path }) => names.some((name) => name === path?.[0])),
  }
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))
}

/** The one schema: the variables, and the rules that span several of them. */
export const schema = variables
  .refine((set) => isLoopback(set.HOST) || set.ALLOW_ANONYMOUS || set.API_KEYS.length > 0 || !!set.API_KEYS_FILE, {
    path: ['HOST'],
    error: 'must be a loopback address unless ALLOW_ANONYMOUS=true is set (keys are not checked by this version yet)',
    ...whenRight('HOST', 'API_KEYS', 'ALLOW_ANONYMOUS'),
  })
  .refine((set) => !(set.REDIS_URL && set.REDIS_HOST), {
    path: ['REDIS_HOST'],
    error: 'must not be set together with REDIS_URL',
    ...whenRight(),
  })
  .superRefine(
    (set, context) => {
      const lists = [
        ['CRYPTO_SYMBOLS', set.CRYPTO_SYMBOLS],
        ['STOCK_SYMBOLS', set.STOCK_SYMBOLS],
        ['MACRO_SERIES', set.MACRO_SERIES],
      ] as const
      for (const { variable, rule } of findClashes(lists)) {
        context.addIssue({ code: 'custom', path: [variable], message: rule })
      }
    },
    whenRight('CRYPTO_SYMBOLS', 'STOCK_SYMBOLS', 'MACRO_SERIES'),
  )
