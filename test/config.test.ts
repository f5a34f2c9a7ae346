import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isGatewayError } from '../src/base/errors.ts'
import { binanceSymbol } from '../src/config/symbols.ts'
import { CONFIG_VARIABLES, loadConfig, variablesForLater } from '../src/config.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The lines of the error that `env` causes; empty when there is none. */
function problems(env: Environment): readonly string[] {
  try {
    loadConfig(env)
    return []
  } catch (error) {
    if (!isGatewayError(error, 'config_invalid')) throw error
    return error.message.split('\n')
  }
}

describe('an empty environment', () => {
  test('gives every default of the contract', () => {
    expect(loadConfig({})).toEqual({
      host: '127.0.0.1',
      port: 8080,
      cryptoSymbols: ['BTC', 'ETH', 'SOL', 'BNB', 'XRP'].map((symbol) => ({ symbol, sourceSymbol: `${symbol}USDT` })),
      stockSymbols: ['NVDA', 'AAPL', 'MSFT', 'TSLA', 'SPY'].map((symbol) => ({ symbol, sourceSymbol: symbol })),
      macroSeries: ['GDP', 'CPIAUCSL', 'UNRATE', 'FEDFUNDS', 'DGS10'].map((symbol) => ({
        symbol,
        sourceSymbol: symbol,
      })),
      hotSymbols: ['BTC', 'ETH', 'NVDA', 'AAPL'],
      binanceStreamUrl: 'wss://data-stream.binance.vision',
      binanceRestUrl: 'https://data-api.binance.vision',
      yahooPollMs: 5000,
      fredPollMs: 120_000,
      holdBackMs: 5000,
      latenessMs: 2000,
      backfillMax: 1_000_000,
      dataDir: './data',
      redisPort: 6379,
      cacheReadOrder: 'memory-first',
      cacheMaxBytes: 268_435_456,
      tickRetentionDays: 7,
      spoolMaxBytes: 4_294_967_296,
      flushWindowMs: 0,
      heartbeatMs: 15_000,
      maxConnections: 20_000,
      maxConnectionsPerAddress: 100,
      maxSubscriptions: 1000,
      maxMessageBytes: 65_536,
      apiKeys: [],
      allowedOrigins: [],
      allowAnonymous: false,
      role: 'all',
      logLevel: 'info',
    })
  })

  test('and a set but empty variable is the same as one that is not set', () => {
    const lists = ['CRYPTO_SYMBOLS', 'STOCK_SYMBOLS', 'MACRO_SERIES', 'HOT_SYMBOLS']
    const others = CONFIG_VARIABLES.filter(({ name }) => !lists.includes(name))
    expect(loadConfig(Object.fromEntries(others.map(({ name }) => [name, ' '])))).toEqual(loadConfig({}))
  })

  test('and variables of others are none of our business', () => {
    expect(loadConfig({ PATH: '/bin', TICKGATE_PORT: 'x', npm_config_cache: '?' })).toEqual(loadConfig({}))
  })
})

test('the configuration cannot be changed afterwards, down to its last mapping', () => {
  const config = loadConfig({})
  const parts = [config, config.cryptoSymbols, config.cryptoSymbols[0], config.hotSymbols, config.apiKeys]
  expect(parts.every((part) => Object.isFrozen(part))).toBe(true)
})

describe('symbols', () => {
  test('a crypto symbol alone is its USDT pair, and a mapping by hand wins', () => {
    expect(binanceSymbol('BTC')).toBe('BTCUSDT')
    expect(loadConfig({ CRYPTO_SYMBOLS: ' btc , ETH=ethusdc,' }).cryptoSymbols).toEqual([
      { symbol: 'BTC', sourceSymbol: 'BTCUSDT' },
      { symbol: 'ETH', sourceSymbol: 'ETHUSDC' },
    ])
  })

  test('stock symbols keep their dots, carets and signs', () => {
    const stocks = loadConfig({ STOCK_SYMBOLS: 'BRK-B,^GSPC,0700.HK,EURUSD=EURUSD=X' }).stockSymbols
    expect(stocks.map(({ symbol }) => symbol)).toEqual(['BRK-B', '^GSPC', '0700.HK', 'EURUSD'])
    expect(stocks.at(-1)?.sourceSymbol).toBe('EURUSD=X')
  })

  test('an empty list switches a feed off', () => {
    const config = loadConfig({ CRYPTO_SYMBOLS: '', STOCK_SYMBOLS: ' ', MACRO_SERIES: ',', HOT_SYMBOLS: '' })
    expect([config.cryptoSymbols, config.stockSymbols, config.macroSeries, config.hotSymbols]).toEqual([[], [], [], []])
  })

  test.each(['BTC USDT', 'BTC;ETH', 'ÄÖ', '=BTCUSDT', 'BTC=', 'A'.repeat(33)])('%j is refused', (list) => {
    expect(problems({ CRYPTO_SYMBOLS: list })).toEqual([expect.stringMatching(/^CRYPTO_SYMBOLS must be .*, was '/)])
  })

  test('one symbol for two instruments is an error that names both and the way out', () => {
    expect(problems({ CRYPTO_SYMBOLS: 'BTC,ETH', STOCK_SYMBOLS: 'ETH' })).toEqual([
      'STOCK_SYMBOLS must not use the symbol ETH twice (ETHUSDT in CRYPTO_SYMBOLS, ETH in STOCK_SYMBOLS): ' +
        "give one of them an alias, such as ETH_2=ETH, was 'ETH'",
    ])
    expect(problems({ CRYPTO_SYMBOLS: 'BTC,ETH', STOCK_SYMBOLS: 'ETH_2=ETH' })).toEqual([])
  })

  test('a symbol twice in one list, and two symbols for one pair, are errors too', () => {
    expect(problems({ CRYPTO_SYMBOLS: 'BTC,btc=BTCUSDC' })).toHaveLength(1)
    expect(problems({ CRYPTO_SYMBOLS: 'BTC,XBT=BTCUSDT' })).toEqual([
      "CRYPTO_SYMBOLS must map BTCUSDT once, not to BTC and XBT, was 'BTC,XBT=BTCUSDT'",
    ])
  })

  test('any mapping written out is read back as it was', () => {
    const name = fc.stringMatching(/^[A-Z0-9._^-]{1,32}$/)
    const mappings = fc.uniqueArray(fc.record({ symbol: name, sourceSymbol: name }), {
      maxLength: 20,
      selector: ({ symbol }) => symbol,
    })
    fc.assert(
      fc.property(mappings, (all) => {
        fc.pre(new Set(all.map(({ sourceSymbol }) => sourceSymbol)).size === all.length)
        const list = all.map(({ symbol, sourceSymbol }) => `${symbol}=${sourceSymbol}`).join(',')
        const config = loadConfig({ CRYPTO_SYMBOLS: list, STOCK_SYMBOLS: '', MACRO_SERIES: '' })
        expect(config.cryptoSymbols).toEqual(all)
      }),
      { numRuns: 200 },
    )
  })
})

describe('sizes and numbers', () => {
  test.each([
    ['268435456', 268_435_456],
    ['256MiB', 268_435_456],
    ['1 gib', 1_073_741_824],
  ])('CACHE_MAX_BYTES %s', (value, size) => {
    expect(loadConfig({ CACHE_MAX_BYTES: value }).cacheMaxBytes).toBe(size)
  })

  test.each(['12', '256MB', '-1', '1.5GiB', 'MiB', '9999999999999999TiB'])('a size of %s is refused', (value) => {
    expect(problems({ CACHE_MAX_BYTES: value })).toHaveLength(1)
  })

  test.each(['65536', '-1', '80.5', '0x50', '1e3', 'http'])('a port of %s is refused', (value) => {
    expect(problems({ PORT: value })).toEqual([`PORT must be a whole number from 0 to 65535, was '${value}'`])
  })
})

describe('addresses', () => {
  test.each(['127.0.0.1', '127.8.8.8', '::1', 'localhost'])('%s needs no key', (host) => {
    expect(problems({ HOST: host })).toEqual([])
  })

  test.each(['0.0.0.0', '::', '10.0.0.1', '127.example.com'])('%s is refused without keys', (host) => {
    expect(problems({ HOST: host })).toEqual([
      `HOST must be a loopback address unless ALLOW_ANONYMOUS=true is set (keys are not checked by this version yet), was '${host}'`,
    ])
  })

  test.each([{ API_KEYS: `bot:${'ab'.repeat(32)}` }, { API_KEYS_FILE: 'keys.txt' }, { ALLOW_ANONYMOUS: 'true' }])(
    'a public host is allowed with %o',
    (guard) => {
      expect(problems({ HOST: '0.0.0.0', ...guard })).toEqual([])
    },
  )

  test('an origin has the right scheme and nothing behind its port', () => {
    expect(loadConfig({ BINANCE_STREAM_URL: 'ws://127.0.0.1:9/' }).binanceStreamUrl).toBe('ws://127.0.0.1:9')
    for (const url of ['https://h', 'wss://h/ws', 'wss://h?a', 'wss://u:p@h', 'wss://', 'h:1']) {
      expect(problems({ BINANCE_STREAM_URL: url }), url).toHaveLength(1)
    }
  })

  test('Redis is database 0, said in whichever way', () => {
    for (const url of ['redis://h', 'redis://h:1/', 'rediss://:p@h/0', 'redis://h?db=0']) {
      expect(problems({ REDIS_URL: url }), url).toEqual([])
    }
    const wrong = [
      'redis://h/3',
      'redis://h?db=3',
      'http://h',
      'redis://',
      'redis://:100%@h',
      'redis://h?commandTimeout=9',
    ]
    for (const url of wrong) {
      expect(problems({ REDIS_URL: url }), url).toHaveLength(1)
    }
    expect(problems({ REDIS_URL: 'redis://h', REDIS_HOST: 'h' })).toHaveLength(1)
  })

  test('pages that may connect are listed by origin', () => {
    expect(loadConfig({ ALLOWED_ORIGINS: 'https://a.example,http://b:81/' }).allowedOrigins).toEqual([
      'https://a.example',
      'http://b:81',
    ])
    expect(problems({ ALLOWED_ORIGINS: 'a.example' })).toHaveLength(1)
  })
})

describe('what is wrong', () => {
  test('is reported all at once, also the rules that span variables', () => {
    const lines = problems({
      HOST: '0.0.0.0',
      PORT: 'x',
      CRYPTO_SYMBOLS: 'BTC,BTC',
      YAHOO_URL: 'ftp://h',
      ALLOW_ANONYMOUS: 'false',
      ROLE: 'none',
      LOG_LEVEL: 'loud',
      CACHE_READ_ORDER: 'disk',
      API_KEYS: '',
    })
    expect(lines.map((line) => line.split(' ')[0]).sort()).toEqual([
      'CACHE_READ_ORDER',
      'CRYPTO_SYMBOLS',
      'HOST',
      'LOG_LEVEL',
      'PORT',
      'ROLE',
      'YAHOO_URL',
    ])
  })

  test('never shows a secret', () => {
    const secret = 'S3CRET'
    const message = problems({
      API_KEYS: secret,
      DATABASE_URL: `mysql://u:${secret}@h/db`,
      REDIS_URL: `redis://:${secret}@h/7`,
      REDIS_HOST: 'h',
      REDIS_PASSWORD: secret,
      FRED_API_KEY: secret,
      BINANCE_REST_URL: `https://user:${secret}@h`,
      HOST: '0.0.0.0',
    }).join('\n')
    expect(message).not.toContain(secret)
    expect(message).toContain('API_KEYS must be a comma-separated list')
    expect(message).toMatch(/^DATABASE_URL must be .*, was set$/m)
    expect(message).toMatch(/^REDIS_URL must name database 0, .*, was set$/m)
  })

  test('is a sentence for every variable that can be wrong, never the parser speaking', () => {
    const lines = problems(Object.fromEntries(CONFIG_VARIABLES.map(({ name }) => [name, '\u0000 ?\n?'])))
    const anything = ['FRED_API_KEY', 'DATA_DIR', 'REDIS_PASSWORD', 'API_KEYS_FILE', 'PREDICTION_MODELS']
    expect(lines.map((line) => line.split(' ')[0])).toEqual(
      expect.arrayContaining(CONFIG_VARIABLES.map(({ name }) => name).filter((name) => !anything.includes(name))),
    )
    for (const line of lines) expect(line).toMatch(/^[A-Z_]+ must .+, was (set|not set|'.*')$/)
  })
})

test('the secrets are known as secrets', () => {
  expect(CONFIG_VARIABLES.filter(({ secret }) => secret).map(({ name }) => name)).toEqual([
    'FRED_API_KEY',
    'DATABASE_URL',
    'REDIS_URL',
    'REDIS_PASSWORD',
    'API_KEYS',
  ])
})

test('a variable that waits for a later version is named when it is set', () => {
  expect(variablesForLater({ PORT: '1' })).toEqual([])
  const later = CONFIG_VARIABLES.filter((variable) => variable.later).map(({ name }) => name)
  expect(variablesForLater(Object.fromEntries(later.map((name) => [name, 'x'])))).toEqual(later)
})
