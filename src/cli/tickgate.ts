#!/usr/bin/env node
import { Command } from 'commander'
import { describeError } from '../base/errors.ts'
import { VERSION } from '../base/version.ts'
import { backfillCommand } from './backfill.ts'
import { cacheCommand } from './cache.ts'
import { demoCommand } from './demo.ts'
import { migrateCommand } from './migrate.ts'
import { serveCommand } from './serve.ts'
import { statusCommand } from './status.ts'
import { tailCommand } from './tail.ts'
import { exitOnUsage, isTask } from './task.ts'
import { verifyCommand } from './verify.ts'

const program = new Command('tickgate')
  .description('A self-hosted realtime market-data gateway: Binance, Yahoo and FRED in, one gapless WebSocket out.')
  .version(VERSION, '--version')
  .helpOption('--help')
  .showSuggestionAfterError()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'tickgate: ')) })
  .addHelpText(
    'after',
    '\nWithout a command, tickgate serves. The gateway is configured by its environment: see .env.example.',
  )

const commands = [
  ...[serveCommand, demoCommand, tailCommand, statusCommand, cacheCommand, verifyCommand, backfillCommand],
  migrateCommand,
]
for (const command of commands) {
  program.addCommand(command.copyInheritedSettings(program))
  const all = [command, ...command.commands.map((each) => each.copyInheritedSettings(program))]
  if (isTask(command)) for (const each of all) each.exitOverride(exitOnUsage)
}

const words = process.argv.slice(2)
try {
  await program.parseAsync(words.length === 0 ? ['serve'] : words, { from: 'user' })
} catch (error) {
  console.error(`tickgate: ${describeError(error)}`)
  process.exitCode = 1
}
