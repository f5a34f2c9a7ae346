import { Command } from 'commander'

export const serveCommand = new Command('serve')
  .description('run the gateway (also: tickgate without a command)')
  .action(async () => {
    // Loaded late, here and in the other commands: `tail` shall not wait for the gateway's libraries.
    const { serve } = await import('../main.ts')
    process.exitCode = await serve(process.env)
  })
