import { createRequire } from 'node:module'

/** The package's own version. This file and its built copy stand at different depths below package.json. */
export const VERSION: string = readVersion('../../package.json') ?? readVersion('../../../package.json') ?? 'unknown'

function readVersion(path: string): string | undefined {
  try {
    const { name, version }: { name?: string; version?: string } = createRequire(import.meta.url)(path)
    return name === 'tickgate' ? version : undefined
  } catch {
    // Not at this depth.
    return undefined
  }
}
