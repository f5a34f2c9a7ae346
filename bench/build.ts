import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Builds the program and the processes of the benchmarks into `dist`, as what is measured is what is shipped. */
export function build(): void {
  // Standard output is for the report alone.
  const run = (...args: readonly string[]) => execFileSync('npm', args, { cwd: ROOT, stdio: ['ignore', 2, 2] })
  run('run', '--silent', 'build')
  run('exec', '--', 'tsc', '-p', 'bench/tsconfig.json')
}

/** The built file of a module in `processes`. */
export function builtProcess(name: string): string {
  return fileURLToPath(new URL(`../dist/bench/processes/${name}.js`, import.meta.url))
}
