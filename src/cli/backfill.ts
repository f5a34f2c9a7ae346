import { Command } from 'commander'
import { moment } from './numbers.ts'
import { formatOption, runTask, type TaskFlags, urlOption } from './task.ts'

interface BackfillFlags extends TaskFlags {
  readonly from: number
  readonly to: number
}

export const backfillCommand = new Command('backfill')
  .description('load a past range of trades and candles into the database; what is stored is not asked for again')
  .argument('<symbol>', 'BTC')
  .requiredOption('--from <time>', 'from this moment on: Unix ms or ISO 8601', moment)
  .requiredOption('--to <time>', 'up to this moment', moment)
  .addOption(formatOption())
  .addOption(urlOption())
  .action((symbol: string, { from, to, ...flags }: BackfillFlags) => runTask('backfill', symbol, { from, to }, flags))
