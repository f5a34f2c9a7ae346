import { Command } from 'commander'

export const migrateCommand = new Command('migrate')
  .description('bring the database to the schema of this version')
  .action(async () => {
    const { migrate } = await import('../main.ts')
    process.exitCode = await migrate(process.env)
  })
