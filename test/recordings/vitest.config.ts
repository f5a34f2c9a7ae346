import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** What the sources have answered, which is no part of this repository: apart from the suite, where nothing is skipped. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/recordings/*.recorded.ts'],
    pool: 'forks',
    testTimeout: 60_000,
  },
})
