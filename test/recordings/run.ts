import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startVitest } from 'vitest/node'
import { proveTrades } from './prove-trades.ts'

/**
 * `npm run test:recordings -- DIR`: proves the gateway on what its sources have really sent, which is no part of this
 * repository. DIR has the folders `binance`, `yahoo` and `fred`, or some of them; or the files of `binance` itself.
 */
const [directory, ...others] = process.argv.slice(2)
if (directory === undefined || others.length > 0) {
  console.error('usage: npm run test:recordings -- DIR')
  process.exit(2)
}

const folderOf = (source: string) => join(directory, source)
const trades = existsSync(folderOf('binance')) ? folderOf('binance') : directory
const answered = ['yahoo', 'fred'].filter((source) => existsSync(folderOf(source)))
const proofs = [await proveTrades(trades), answered.length === 0 ? undefined : await proveAnswers(answered)]
if (proofs.every((proof) => proof === undefined)) {
  console.error(`${directory} must hold recordings of binance, yahoo or fred, held none`)
  process.exit(2)
}
process.exit(proofs.includes(false) ? 1 : 0)

/** Whether all went well. */
async function proveAnswers(sources: readonly string[]): Promise<boolean> {
  process.env.RECORDINGS_DIR = directory
  const config = fileURLToPath(new URL('vitest.config.ts', import.meta.url))
  const vitest = await startVitest('test', [...sources], { config, run: true })
  await vitest.close()
  const files = vitest.state.getFiles()
  return files.length === sources.length && files.every(({ result }) => result?.state === 'pass')
}
