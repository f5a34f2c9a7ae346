import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

/** A server of our own on a free port of 127.0.0.1. */
export interface LaunchedServer {
  readonly url: string
  /** Ends the process with this signal; its files stay. Resolves when it is gone. */
  halt(signal: NodeJS.Signals): Promise<void>
  /** Sends a signal to the process, which lives on: SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void
  /** Starts it again on the same files and port. Resolves when it answers. */
  revive(): Promise<void>
  /** Resolves when the process has ended and its files are gone. */
  stop(): Promise<void>
}

export interface Launch {
  /** The beginning of the temporary directory's name. */
  readonly name: string
  /** Run to its end in the new directory before the server. */
  readonly prepare?: (directory: string) => { readonly file: string; readonly args: readonly string[] }
  readonly server: (directory: string, port: number) => { readonly file: string; readonly args: readonly string[] }
  readonly url: (port: number) => string
  /** Rejects while the server does not answer yet. */
  readonly probe: (url: string) => Promise<void>
  readonly stopSignal: NodeJS.Signals
}

interface User {
  readonly uid: number
  readonly gid: number
}

const READY_WITHIN_MS = 20_000
const STOPPED_WITHIN_MS = 5_000

/** Starts a server in a temporary directory and waits until it answers; whatever goes wrong, nothing stays behind. */
export async function launch(launched: Launch): Promise<LaunchedServer> {
  const directory = await mkdtemp(join(tmpdir(), `tickgate-${launched.name}-`))
  const user = await unprivilegedUser()
  if (user) await chown(directory, user.uid, user.gid)
  const options = { cwd: directory, ...user }
  let child: ChildProcess | undefined
  const stop = async () => {
    if (child) await end(child, launched.stopSignal)
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const prepare = launched.prepare?.(directory)
    if (prepare) await promisify(execFile)(prepare.file, [...prepare.args], options)
    const port = await freePort()
    const url = launched.url(port)
    const { file, args } = launched.server(directory, port)
    const start = async () => {
      child = spawn(file, [...args], { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
      await untilAnswers(child, () => launched.probe(url))
    }
    await start()
    return {
      url,
      halt: async (signal) => child && end(child, signal),
      signal: (signal) => child?.kill(signal),
      revive: start,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function untilAnswers(child: ChildProcess, probe: () => Promise<void>): Promise<void> {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    said = (said + text).slice(-2_000)
  })
  const failed = once(child, 'error')
  const deadline = Date.now() + READY_WITHIN_MS
  for (;;) {
    const error = await Promise.race([probe().then(() => undefined, String), failed.then(String)])
    if (error === undefined) return
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`the server must start: ${error}\n${said}`)
    await delay(30)
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exited = once(child, 'exit')
  child.kill(signal)
  const cut = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS)
  await exited
  clearTimeout(cut)
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a listening server must have a port')
  return address.port
}

/** PostgreSQL refuses to run as root: then it runs as `postgres`, or as nobody where there is no such user. */
async function unprivilegedUser(): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const passwd = await readFile('/etc/passwd', 'utf8')
  const [, uid, gid] = /^postgres:[^:]*:(\d+):(\d+):/m.exec(passwd) ?? []
  return { uid: Number(uid ?? 65_534), gid: Number(gid ?? 65_534) }
}
