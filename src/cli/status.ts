import { Command, Option } from 'commander'
import { describeError } from '../base/errors.ts'
import type { FeedRow, FeedsAnswer, TierRow } from '../wire/feeds.ts'
import { FAILED, urlOption } from './task.ts'

interface StatusFlags {
  readonly url?: string
  readonly format: (typeof STATUS_FORMATS)[number]
}

const STATUS_FORMATS = ['text', 'json'] as const

/** Exit code: something that should be live is not. */
const DEGRADED = 1

const statusUrl = () => {
  const option = urlOption()
  option.description = 'the gateway (default: the one that runs in DATA_DIR)'
  return option
}

export const statusCommand = new Command('status')
  .description('show how the feeds and tiers of a gateway are; exits with 1 if one that should be live is not')
  .addOption(new Option('--format <format>', 'how to print it').choices(STATUS_FORMATS).default('text'))
  .addOption(statusUrl())
  .action(async ({ url, format }: StatusFlags) => {
    try {
      // Not by way of `main.ts`: nothing of the gateway need be loaded.
      const [{ askStatus }, { loadConfig }] = await Promise.all([
        import('../tasks/ask-status.ts'),
        import('../config.ts'),
      ])
      const answer = await askStatus(url, () => loadConfig(process.env))
      process.stdout.write(format === 'json' ? `${JSON.stringify(answer)}\n` : describeStatus(answer, Date.now()))
      process.exitCode = isWell(answer) ? 0 : DEGRADED
    } catch (error) {
      console.error(`tickgate: ${describeError(error)}`)
      process.exitCode = FAILED
    }
  })

/** What the configuration switches off is well; a feed that has symbols and is off was refused by its source. */
export function isWell({ feeds, tiers }: FeedsAnswer): boolean {
  const isLive = ({ state }: Pick<TierRow, 'state'>) => state === 'live'
  const isOffByWish = ({ state, symbols }: FeedRow) => state === 'off' && symbols.length === 0
  return (
    feeds.every((feed) => isLive(feed) || isOffByWish(feed)) && tiers.every((it) => isLive(it) || it.state === 'off')
  )
}

/** Two tables for people, as of `now` (Unix ms). */
export function describeStatus({ feeds, tiers }: FeedsAnswer, now: number): string {
  const feedTable = [
    ['FEED', 'STATE', 'FOR', 'SYMBOLS', 'TICKS/S', 'LAST TICK', 'LAG', 'RESTARTS', 'GAPS', ''],
    ...feeds.map((row) => [
      ...[row.feed, row.state, duration(now - row.since), String(row.symbols.length), String(row.ticksPerSecond)],
      row.lastTick === undefined ? '-' : `${duration(now - row.lastTick.received)} ago`,
      row.lag === undefined ? '-' : duration(row.lag),
      ...[String(row.restarts), String(row.gaps), row.reason ?? ''],
    ]),
  ]
  const tierTable = [
    ['TIER', 'STATE', 'FOR', ''],
    ...tiers.map(({ tier, state, since, reason }) => [tier, state, duration(now - since), reason ?? '']),
  ]
  return `${table(feedTable)}\n${table(tierTable)}`
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}

const UNITS = [
  { unit: 'd', ms: 86_400_000 },
  { unit: 'h', ms: 3_600_000 },
  { unit: 'min', ms: 60_000 },
  { unit: 's', ms: 1_000 },
] as const

/** `35 ms`, `12 s`, `3 h`: one unit says enough. */
function duration(ms: number): string {
  const found = UNITS.find((unit) => Math.abs(ms) >= unit.ms)
  return found === undefined ? `${Math.round(ms)} ms` : `${Math.floor(ms / found.ms)} ${found.unit}`
}
