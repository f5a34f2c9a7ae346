import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { findBreaches, homeOf, importsOf, MAY_IMPORT } from './architecture/law.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

function readSources(): ReadonlyMap<string, string> {
  const paths = ['src', 'feeds', 'dashboard'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => join(folder, path).replaceAll('\\', '/')),
  )
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]))
}

/** A tree that keeps the law, for planting one breach in it. */
const sound = {
  'src/base/errors.ts': `import { a } from 'pino'\n`,
  'src/market/tick.ts': `import { GatewayError } from '../base/errors.ts'\n`,
  'src/feed.ts': `import type { Tick } from './market/tick.ts'\n`,
  'feeds/index.ts': `import type { Feed } from '../src/feed.ts'\n`,
}

function breachesWith(planted: Readonly<Record<string, string>>): readonly string[] {
  return findBreaches(new Map(Object.entries({ ...sound, ...planted })))
}

test('the program keeps the law', () => {
  const sources = readSources()
  expect(sources.size).toBeGreaterThan(20)
  expect(findBreaches(sources)).toEqual([])
})

describe('the law notices', () => {
  test('nothing in a sound tree', () => {
    expect(breachesWith({})).toEqual([])
  })

  test.each([
    ['feeds/x.ts', `import { a } from '../src/tiers/memory.ts'`, 'must not import src/tiers/memory.ts'],
    ['src/tiers/x.ts', `import { a } from '../hub/hub.ts'`, 'must not import src/hub/hub.ts'],
    ['src/hub/x.ts', `import type { Memory } from '../tiers/memory.ts'`, 'must not import src/tiers/memory.ts'],
    ['src/base/x.ts', `export * from '../market/tick.ts'`, 'must not import src/market/tick.ts'],
    ['src/ingest.ts', `const hub = await import('./hub/hub.ts')`, 'must not import src/hub/hub.ts'],
    ['src/client/x.ts', `import {\n  a,\n  b,\n} from '../tiers/memory.ts'`, 'must not import src/tiers/memory.ts'],
    ['src/simulate/x.ts', `import '../gateway.ts'`, 'must not import src/gateway.ts'],
    ['src/market/x.ts', `import { readFile } from 'node:fs/promises'`, 'must be plain, imports node:fs/promises'],
  ])('%s that says %j', (path, line, breach) => {
    expect(breachesWith({ [path]: `${line}\n` })).toEqual([`${path} ${breach}`])
  })

  test('a file with no home, although it imports nothing', () => {
    const breaches = breachesWith({ 'src/handy/x.ts': '', 'src/extra.ts': '' })
    expect(breaches).toEqual([
      'src/handy/x.ts has no home: src/handy is not in the table',
      'src/extra.ts has no home: src/extra.ts is not in the table',
    ])
  })

  test('a line of the table that names a floor above itself', () => {
    const upward = { 'src/base': ['src/market'], 'src/market': [] }
    expect(findBreaches(new Map(), upward)).toEqual(['src/base must not name src/market, which is above it'])
  })

  test('files of one folder that import one another in a circle', () => {
    const breaches = breachesWith({
      'src/hub/a.ts': `import { b } from './b.ts'\n`,
      'src/hub/b.ts': `import { c } from './c.ts'\n`,
      'src/hub/c.ts': `export { a } from './a.ts'\nimport type { B } from './b.ts'\n`,
    })
    expect(breaches).toEqual(['src/hub/a.ts -> src/hub/b.ts -> src/hub/c.ts -> src/hub/a.ts is a circle'])
  })

  test('a file that is too long, and a tree of long files', () => {
    expect(breachesWith({ 'src/hub/hub.ts': '\n'.repeat(301) })).toEqual([
      'src/hub/hub.ts must have at most 300 lines, has 301',
    ])
    const long = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [`src/hub/${name}.ts`, '\n'.repeat(101)]))
    expect(breachesWith(long)).toEqual(['the median file must have at most 100 lines, has 101'])
  })

  test.each(['src/hub/utils.ts', 'src/hub/helpers.ts', 'src/tiers/common/x.ts', 'feeds/misc.ts'])('%s', (path) => {
    expect(breachesWith({ [path]: '' })).toEqual([expect.stringMatching(`^${path} must be named for what it does`)])
  })

  test('an index that is not the list of feeds', () => {
    expect(breachesWith({ 'src/hub/index.ts': '' })).toEqual([expect.stringContaining('only feeds has a list')])
  })
})

test('an import is found wherever it stands, and not in a comment or a string', () => {
  const text = [
    `// import { a } from './comment.ts'`,
    `/* export * from './block.ts' */`,
    `import { type B, b } from './b.ts'`,
    `const text = "import './string.ts'"`,
    `export interface C { readonly d: 'd' }`,
    `export { e } from './e.ts'`,
    `import type F from 'f'`,
  ].join('\n')
  expect(importsOf(text)).toEqual(['./b.ts', './e.ts', 'f'])
})

test('every home of the table is there', () => {
  const homes = new Set([...readSources().keys()].map(homeOf))
  expect(Object.keys(MAY_IMPORT).filter((home) => !homes.has(home))).toEqual([])
})
