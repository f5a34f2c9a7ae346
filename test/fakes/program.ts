import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export const BIN = fileURLToPath(new URL('../../dist/src/cli/tickgate.js', import.meta.url))

/** A started `tickgate`, with what it printed so far. */
export class Program {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  out = ''
  err = ''
  #wake = () => {}

  constructor(words: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string) {
    this.child = spawn(process.execPath, [BIN, ...words], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
    })
    this.child.stdout!.on('data', (data) => {
      this.out += data
      this.#wake()
    })
    this.child.stderr!.on('data', (data) => {
      this.err += data
      this.#wake()
    })
    this.ended = once(this.child, 'close').then(([code]) => {
      this.#wake()
      return code
    })
  }

  /** Resolves when `condition` holds; rejects when the program ends, or `withinMs` pass, without it. */
  async until(condition: (program: Program) => boolean, withinMs = 15_000): Promise<void> {
    let late = false
    const deadline = setTimeout(() => {
      late = true
      this.#wake()
    }, withinMs)
    try {
      while (!condition(this)) {
        if (this.child.exitCode !== null || late) throw new Error(this.#describe())
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      clearTimeout(deadline)
    }
  }

  #describe(): string {
    const { exitCode } = this.child
    return `exit code ${exitCode}\nstdout: ${this.out.slice(-2_000)}\nstderr: ${this.err.slice(-2_000)}`
  }

  get lines(): readonly string[] {
    return this.out.split('\n').slice(0, -1)
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    this.child.kill(signal)
    return this.ended
  }
}
