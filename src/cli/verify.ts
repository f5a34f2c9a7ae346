import { Command } from 'commander'
import { moment } from './numbers.ts'
import { formatOption, runTask, type TaskFlags, urlOption } from './task.ts'

interface VerifyFlags extends TaskFlags {
  readonly from?: number
  readonly to?: number
  readonly source?: boolean
}

export const verifyCommand = new Command('verify')
  .description('check what is stored: holes, doubles, candles; exits with 1 if anything differs')
  .argument('<symbol>', 'BTC')
  .option('--from <time>', 'from this moment on: Unix ms or ISO 8601', moment)
  .option('--to <time>', 'up to this moment', moment)
  .option('--source', 'ask the source too: its finished candles, and the trades at both ends')
  .addOption(formatOption())
  .addOption(urlOption())
  .action((symbol: string, { from, to, source, ...flags }: VerifyFlags) => {
    const range = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
    return runTask('verify', symbol, { ...range, ...(source ? { source } : {}) }, flags)
  })
