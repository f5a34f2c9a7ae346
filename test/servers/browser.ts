import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe } from 'vitest'
import { leaveUntested } from './untested.ts'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** Describes what a page does in a real browser; where PATH has none, it stays untested. */
export function describeInBrowser(name: string, suite: (executablePath: string) => void): void {
  const executablePath = findBrowser()
  if (executablePath) return void describe(name, () => suite(executablePath))
  leaveUntested(name, `no browser in PATH, looked for ${NAMES.join(', ')}`, () => suite(''))
}

function findBrowser(): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter)
  return NAMES.flatMap((name) => directories.map((directory) => join(directory, name))).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
