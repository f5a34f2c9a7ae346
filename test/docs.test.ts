import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { DECISION_BY_CODE } from '../src/base/errors.ts'
import { CONFIG_VARIABLES, type ConfigVariable } from '../src/config.ts'
import { TIMEFRAMES } from '../src/market/timeframe.ts'
import { CLOSE } from '../src/wire/close-codes.ts'
import { decode } from '../src/wire/codec.ts'
import { CHANNELS } from '../src/wire/messages.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')

const readme = read('README.md')
const protocol = read('docs/PROTOCOL.md')
const architecture = read('docs/ARCHITECTURE.md')
const scripts: Readonly<Record<string, string>> = JSON.parse(read('package.json')).scripts

/** The part of a document under the heading that begins with `title`, up to the next heading of its level or above. */
function section(document: string, title: string): string {
  const lines = document.split('\n')
  const start = lines.findIndex((line) => line.replace(/^#+ /, '').startsWith(title) && line.startsWith('#'))
  const level = lines[start]?.indexOf(' ') ?? 0
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= level)
  return lines.slice(start, length < 0 ? undefined : start + 1 + length).join('\n')
}

/** What the first column of the tables says in backquotes, in order. */
function firstColumn(text: string): readonly string[] {
  return [...text.matchAll(/^\| `([^`]+)`/gm)].map(([, name = '']) => name)
}

describe('the configuration', () => {
  const notes = ({ secret, later }: ConfigVariable, emphasis: string) =>
    `${secret ? ' Secret.' : ''}${later ? ` ${emphasis}Not used yet.${emphasis}` : ''}`

  test('has the same table in the README and in the code', () => {
    const rows = CONFIG_VARIABLES.map((variable) => {
      const standard = variable.standard === undefined ? 'none' : `\`${variable.standard}\``
      return `| \`${variable.name}\` | ${standard} | ${variable.description}${notes(variable, '*')} |`
    })
    const table = section(readme, 'Configure it').split('\n')
    expect(table.filter((line) => line.startsWith('| `'))).toEqual(rows)
  })

  test('has the same lines in .env.example and in the code', () => {
    const blocks = CONFIG_VARIABLES.map((variable) => {
      const description = `${variable.description.replaceAll('`', '')}${notes(variable, '')}`
      return `# ${description}\n# ${variable.name}=${variable.standard ?? ''}`
    })
    expect(read('.env.example').trim().split('\n\n').slice(1)).toEqual(blocks)
  })
})

describe('the commands', () => {
  const quickStart = section(readme, 'Try it')
  const blocks = [...quickStart.matchAll(/^```sh\n([\s\S]*?)\n```/gm)].map(([, block = '']) => block)

  test('of the quick start are two, and scripts of the package', () => {
    expect(blocks).toEqual(['npm ci && npm run demo', 'npm ci && npm test'])
    const named = [...readme.matchAll(/\bnpm (?:run )?(start|test|(?<=run )[a-z:]+)\b/g)].map(
      ([, script = '']) => script,
    )
    expect(named).toEqual(expect.arrayContaining(['demo', 'test', 'build', 'start']))
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named))
  })

  test('of .ci/run are lint, types, and the very test command of the README', () => {
    const run = read('.ci/run')
    const steps = ['npm run lint', 'npm run typecheck', `(${blocks[1]})`].map((step) => run.indexOf(step))
    expect(steps.every((place, index) => place > (steps[index - 1] ?? 0))).toBe(true)
    expect(statSync(join(root, '.ci/run')).mode & 0o111).toBe(0o111)
  })

  test('of the command line are all in the README', () => {
    const commands = [...read('src/cli/tickgate.ts').matchAll(/(\w+)Command\b(?=[,\]])/g)].map(([, name]) => name)
    expect(commands.length).toBeGreaterThan(3)
    const list = /lists the commands: (.*)\./.exec(readme)?.[1]
    expect(list).toBe(commands.map((name) => `\`${name}\``).join(', '))
  })
})

describe('the protocol', () => {
  const messages = read('src/wire/messages.ts')

  /** The rows of a table of messages: the properties at its first level. */
  const rowsOf = (table: string) => {
    const body = new RegExp(`export interface ${table} \\{\\n([\\s\\S]*?)\\n\\}`).exec(messages)?.[1] ?? ''
    return [...body.matchAll(/^ {2}readonly (\w+):/gm)].map(([, name = '']) => name)
  }

  test('has every message of the gateway, and no other', () => {
    const rows = rowsOf('ServerMessages')
    expect(rows).toContain('ws_history')
    expect([...firstColumn(section(protocol, 'From the gateway'))].sort()).toEqual([...rows].sort())
  })

  test('has every message of the client, and every channel', () => {
    const rows = rowsOf('ClientMessages')
    expect(rows).toContain('subscribe')
    expect([...firstColumn(section(protocol, 'From the client'))].sort()).toEqual([...rows, ...CHANNELS].sort())
  })

  test('has every error code that a client can be told', () => {
    const told = Object.entries(DECISION_BY_CODE).filter(([, decision]) => decision === 'tell')
    expect(firstColumn(section(protocol, 'Errors'))).toEqual(told.map(([code]) => code))
  })

  test('has every close code, and says whether to reconnect', () => {
    const rows = [...section(protocol, 'Close codes').matchAll(/^\| (\d+) \|.*\| (yes|no)/gm)]
    const answers = Object.fromEntries(rows.map(([, code, answer]) => [code, answer]))
    for (const { code } of Object.values(CLOSE)) expect(answers[code], String(code)).toBe(code < 4500 ? 'yes' : 'no')
  })

  test('has every timeframe and every path', () => {
    expect(protocol).toContain(`**Timeframes**: \`${TIMEFRAMES.join(' ')}\``)
    const sources = readdirSync(join(root, 'src/http')).map((file) => read(`src/http/${file}`))
    const paths = sources.flatMap((text) =>
      [...text.matchAll(/app\.(?:get|post)\('([^']+)'/g)].map(([, path = '']) => path),
    )
    expect([...firstColumn(section(protocol, '3. HTTP')), '/ws'].sort()).toEqual([...new Set(paths)].sort())
  })

  test.each(['README.md', 'docs/PROTOCOL.md'])('shows in %s only messages that the gateway reads', (path) => {
    const shown = [...read(path).matchAll(/^(?:> )?(\{"op":.*\})$/gm)].map(([, message = '']) => message)
    expect(shown.length).toBeGreaterThan(1)
    for (const message of shown) expect(decode(message), message).not.toHaveProperty('error')
  })
})

describe('the architecture', () => {
  test('has a table of buffers, each with a bound, a policy and what is seen of it', () => {
    const rows = section(architecture, 'Buffers')
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .slice(1)
    expect(rows.length).toBeGreaterThanOrEqual(5)
    for (const row of rows.slice(1)) expect(row.split('|').filter((cell) => cell.trim() !== '')).toHaveLength(4)
    expect(rows.join('\n')).toMatch(/push queue[\s\S]*tail ring[\s\S]*database writer[\s\S]*session/)
  })

  test('has decisions that are numbered without a hole and listed', () => {
    const pages = readdirSync(join(root, 'docs/adr')).filter((file) => file !== 'README.md')
    expect(pages.map((file) => file.slice(0, 5))).toEqual(
      pages.map((_, index) => `${String(index + 1).padStart(4, '0')}-`),
    )
    for (const file of pages) {
      const text = read(`docs/adr/${file}`)
      const title = /^# (\d{4}: .*)$/m.exec(text)?.[1]
      expect(read('docs/adr/README.md')).toContain(`- [${title}](${file})`)
      const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)
      expect(headings, file).toEqual(['Context', 'Decision', 'Consequence'])
    }
  })
})

test('every link of the documents leads somewhere', () => {
  const adrs = readdirSync(join(root, 'docs/adr')).map((file) => `docs/adr/${file}`)
  const pages = ['PROTOCOL', 'ARCHITECTURE', 'ADD_A_FEED', 'METRICS'].map((name) => `docs/${name}.md`)
  const paths = ['README.md', 'CHANGELOG.md', ...pages, ...adrs]
  const broken = paths.flatMap((path) =>
    [...read(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map(([, target = '']) => join(dirname(path), target))
      .filter((target) => !statSync(join(root, target), { throwIfNoEntry: false })),
  )
  expect(broken).toEqual([])
})

describe('the containers', () => {
  const compose = read('docker-compose.yml')
  const dockerfile = read('Dockerfile')

  /** The lines of one service, without the indent. */
  const service = (name: string) => new RegExp(`^ {2}${name}:\\n((?: {4}.*\\n|\\n)+)`, 'm').exec(compose)?.[1] ?? ''

  test('of the compose file are published on loopback only', () => {
    const ports = [...compose.matchAll(/ports:\n((?: {6}- .*\n)+)/g)].map(([, list = '']) => list.trim())
    expect(ports).toHaveLength(1)
    expect(ports[0]).toMatch(/^- "127\.0\.0\.1:[^\n]*:8080"$/)
  })

  test('wait for the health of what they need', () => {
    const gateway = service('gateway')
    for (const name of ['redis', 'postgres']) {
      expect(gateway).toMatch(new RegExp(`depends_on:[\\s\\S]* {6}${name}:\\n {8}condition: service_healthy`))
      expect(service(name)).toContain('healthcheck:')
    }
    expect(dockerfile).toMatch(/^HEALTHCHECK [\s\S]*\/healthz/m)
  })

  test('name only variables that there are', () => {
    const environment = /environment:\n((?: {6}.*\n)+)/.exec(service('gateway'))?.[1] ?? ''
    const known = CONFIG_VARIABLES.map(({ name }) => name)
    const named = [
      ...[...environment.matchAll(/^ {6}([A-Z_]+):/gm)].map(([, name = '']) => name),
      ...[...dockerfile.matchAll(/^ENV ([A-Z_]+)=/gm)].map(([, name = '']) => name),
    ]
    expect(named.length).toBeGreaterThan(6)
    expect(named.filter((name) => name !== 'NODE_ENV' && !known.includes(name))).toEqual([])
  })

  test('keep what they store in volumes that are declared', () => {
    const used = [...compose.matchAll(/^ {6}- ([a-z-]+):\//gm)].map(([, name = '']) => name)
    const declared = [...(/^volumes:\n([\s\S]*)$/m.exec(compose)?.[1] ?? '').matchAll(/^ {2}([a-z-]+):$/gm)]
    expect(used.sort()).toEqual(declared.map(([, name = '']) => name).sort())
    expect(dockerfile).toContain('VOLUME /data')
  })

  test('run as a user that is not root, on Node 24, what the package calls its program', () => {
    expect(dockerfile.match(/^FROM .*$/gm)).toEqual([
      'FROM node:24-slim AS build',
      'FROM node:24-slim AS dependencies',
      'FROM node:24-slim',
    ])
    const [, user] = /^USER (\w+)$/m.exec(dockerfile) ?? []
    expect(user).toBe('node')
    expect(dockerfile).toContain(`"${JSON.parse(read('package.json')).bin.tickgate}", "serve"]`)
  })
})
