import { Command } from 'commander'
import { replaySpeed, wholeNumber } from './numbers.ts'

interface DemoFlags {
  readonly seed: number
  readonly port?: number
  readonly rate: number
  readonly symbols: number
  readonly fresh: boolean
  readonly record?: readonly string[]
  readonly speed?: number | 'max'
}

export const demoCommand = new Command('demo')
  .description('run the gateway on local simulators of its sources: no network, no key, nothing to install')
  .option('--seed <n>', 'which made-up market', wholeNumber(0, 2 ** 32 - 1), 1)
  .option('--port <n>', 'where to listen (default: PORT, else 8080)', wholeNumber(0, 65_535))
  .option('--rate <n>', 'trades per second, of all crypto symbols together', wholeNumber(1, 20_000), 50)
  .option(
    '--symbols <n>',
    'how many crypto symbols: BTC, ETH, SOL, BNB, XRP, then made-up ones',
    wholeNumber(1, 10_000),
    5,
  )
  .option('--fresh', 'begin anew instead of where the last demo stopped', false)
  .option('--record <files...>', "play recorded trades instead: Binance's public aggTrades CSV files")
  .option('--speed <x>', "of the recording: 0.1 to 1000, or 'max'", replaySpeed)
  .action(async ({ seed, port, rate, symbols, fresh, record, speed }: DemoFlags) => {
    if (speed !== undefined && record === undefined) throw new Error('--speed is for a recording: --record FILE')
    const { demo } = await import('../main.ts')
    const recorded = record ? { recordings: [...record], ...(speed === undefined ? {} : { speed }) } : {}
    process.exitCode = await demo({ seed, port, rate, symbols, fresh, ...recorded }, process.env)
  })
