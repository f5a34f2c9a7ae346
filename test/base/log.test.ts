import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const module = new URL('../../src/base/log.ts', import.meta.url)
const root = fileURLToPath(new URL('../..', import.meta.url))

test('a log writes JSON lines to stderr, its last words before an exit too, and leaves stdout to data', async () => {
  const program = `
    import { createLog } from ${JSON.stringify(module.href)}
    const log = createLog('info')
    log.debug({}, 'too small')
    log.warn({ symbol: 'BTC' }, 'stream waits')
    process.exit(0)`
  const flags = ['--import', 'tsx', '--input-type=module', '--eval', program]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, flags, { cwd: root })
  expect(stdout).toBe('')
  expect(JSON.parse(stderr)).toEqual({ level: 40, time: expect.any(Number), symbol: 'BTC', msg: 'stream waits' })
})
