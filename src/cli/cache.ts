import { Command, Option } from 'commander'
import { describeError } from '../base/errors.ts'
import type { CacheInspector } from '../tasks/cache-inspector.ts'
import { write } from './output.ts'
import { FAILED, urlOption } from './task.ts'

interface CacheFlags {
  readonly url?: string
}

interface ListFlags extends CacheFlags {
  readonly format: (typeof LIST_FORMATS)[number]
}

const LIST_FORMATS = ['ndjson', 'text'] as const

/** Exit code of what is not there. */
const MISSING = 1

const cacheUrl = () => {
  const option = urlOption()
  option.description =
    'the gateway whose memory is looked into (default: Redis, else the gateway that runs in DATA_DIR)'
  return option
}

export const cacheCommand = new Command('cache').description(
  'look into the cache: in Redis, or in the memory of a gateway',
)

cacheCommand
  .command('ls')
  .description('list keys, one JSON object a line')
  .argument('[pattern]', "which, as Redis has it: 'price:*', '*BTC*'", '*')
  .addOption(
    new Option('--format <format>', 'how to print it; text: names only').choices(LIST_FORMATS).default('ndjson'),
  )
  .addOption(cacheUrl())
  .action((pattern: string, { url, format }: ListFlags) =>
    look(url, (inspector, print) => list(inspector, pattern, format, print)),
  )

cacheCommand
  .command('get')
  .description('print the value of a key as JSON; exits with 1 if there is none')
  .argument('<key>', 'price:crypto:BTC')
  .addOption(cacheUrl())
  .action((key: string, { url }: CacheFlags) =>
    look(url, async (inspector, print) => {
      const kept = await inspector.read(key)
      return kept === undefined ? missing(key) : print(`${JSON.stringify(kept.value)}\n`)
    }),
  )

cacheCommand
  .command('ttl')
  .description('print what is left of the life of a key, in seconds; exits with 1 if there is none')
  .argument('<key>', 'price:crypto:BTC')
  .addOption(cacheUrl())
  .action((key: string, { url }: CacheFlags) =>
    look(url, async (inspector, print) => {
      const kept = await inspector.read(key)
      return kept === undefined ? missing(key) : print(`${kept.ttl}\n`)
    }),
  )

async function list(
  inspector: CacheInspector,
  pattern: string,
  format: ListFlags['format'],
  print: (text: string) => Promise<void>,
): Promise<void> {
  const { keys, more } = await inspector.list(pattern)
  for (const each of keys) await print(format === 'text' ? `${each.key}\n` : `${JSON.stringify(each)}\n`)
  if (more) console.error(`tickgate: there are more than these ${keys.length} keys; a pattern narrows it down`)
}

function missing(key: string): void {
  console.error(`tickgate: there is nothing under ${key}`)
  process.exitCode = MISSING
}

/** Opens the cache, and closes it whatever happens; what fails is said on stderr. */
async function look(
  url: string | undefined,
  ask: (inspector: CacheInspector, print: (text: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const leaving = new AbortController()
  // The reader has what it wanted: that is an end, not an error.
  process.stdout.on('error', () => leaving.abort())
  try {
    // Not by way of `main.ts`: to look into the cache, nothing of the gateway need be loaded.
    const [{ openCache }, { loadConfig }] = await Promise.all([
      import('../tasks/open-cache.ts'),
      import('../config.ts'),
    ])
    const inspector = await openCache(url, () => loadConfig(process.env))
    try {
      await ask(inspector, (text) => write(process.stdout, text, leaving.signal))
    } finally {
      await inspector.close()
    }
  } catch (error) {
    console.error(`tickgate: ${describeError(error)}`)
    process.exitCode = FAILED
  }
}
