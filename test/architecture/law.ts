import { posix } from 'node:path'

/** Source files by path from the root, `/` between folders. */
export type Sources = ReadonlyMap<string, string>

/**
 * Who may import whom. A home is a folder under `src`, a file directly in `src`, or a folder beside it; what is not
 * named is not allowed, and a file without a home has no place. Siblings do not know one another: they are joined by
 * functions that `gateway.ts` hands in.
 */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/base': [],
  'src/market': ['src/base'],
  'src/feed.ts': ['src/base', 'src/market'],
  feeds: ['src/base', 'src/market', 'src/feed.ts'],
  'src/tiers': ['src/base', 'src/market'],
  'src/wire': ['src/base', 'src/market'],
  'src/hub': ['src/base', 'src/market', 'src/wire'],
  'src/http': ['src/base', 'src/market', 'src/wire'],
  'src/simulate': ['src/base', 'src/market'],
  'src/client': ['src/base', 'src/market', 'src/wire'],
  dashboard: ['src/base', 'src/market', 'src/wire', 'src/client'],
  'src/config': ['src/base', 'src/market'],
  'src/config.ts': ['src/base', 'src/market', 'src/config'],
  // What moves a tick: takes functions.
  'src/ingest.ts': ['src/base', 'src/market', 'src/feed.ts'],
  'src/supervise.ts': ['src/base', 'src/market', 'src/feed.ts'],
  // A stream's life; of the tiers the contract and the memory.
  'src/streams': ['src/base', 'src/market', 'src/feed.ts', 'src/tiers', 'src/ingest.ts', 'src/supervise.ts'],
  'src/stop-signal.ts': ['src/base'],
  // What is done beside the streams: checks and loads, in a gateway, through one, or without.
  'src/tasks': [...['src/base', 'src/market', 'src/feed.ts', 'src/tiers', 'src/wire', 'src/config.ts', 'src/streams']],
  // What the parts count, as Prometheus reads it.
  'src/metrics': ['src/base', 'src/market', 'src/tiers', 'src/wire', 'src/hub'],
  // What puts the parts together.
  'src/gateway': [
    ...['src/base', 'src/market', 'src/feed.ts', 'src/tiers', 'src/wire', 'src/hub', 'src/http', 'src/config.ts'],
    ...['src/ingest.ts', 'src/supervise.ts', 'src/streams', 'src/metrics'],
  ],
  'src/gateway.ts': [
    ...['src/base', 'src/market', 'src/feed.ts', 'src/tiers', 'src/wire', 'src/hub', 'src/http', 'src/config.ts'],
    ...['src/streams', 'src/tasks', 'src/metrics', 'src/gateway'],
  ],
  // The demo's sources, and what it prints.
  'src/demo': ['src/base', 'src/market', 'src/simulate', 'src/gateway.ts'],
  'src/demo.ts': ['src/demo', 'src/base', 'src/market', 'src/config.ts', 'src/simulate', 'src/tiers', 'src/gateway.ts'],
  'src/main.ts': [
    ...['src/base', 'src/market', 'src/config.ts', 'src/feed.ts', 'feeds', 'src/tiers', 'src/gateway.ts'],
    ...['src/demo.ts', 'src/stop-signal.ts', 'src/tasks', 'src/wire'],
  ],
  'src/cli': ['src/base', 'src/market', 'src/wire', 'src/client', 'src/config.ts', 'src/tasks', 'src/main.ts'],
}

const MOST_LINES = 300
const MOST_LINES_IN_THE_MIDDLE = 100
const NAMES_THAT_SAY_NOTHING = /^(utils?|helpers?|common|misc|shared|lib|manager|types)$/

/** Every breach of the law, as one sentence each; empty when it is kept. */
export function findBreaches(sources: Sources, mayImport = MAY_IMPORT): readonly string[] {
  return [
    ...checkTable(mayImport),
    ...[...sources].flatMap(([path, text]) => [...checkHome(path, text, mayImport), ...checkFile(path, text)]),
    ...findCycles(sources),
    ...checkMedian(sources),
  ]
}

/** `src/hub/session.ts` lives in `src/hub`, `src/main.ts` in itself, `feeds/binance.ts` in `feeds`. */
export function homeOf(path: string): string {
  const depth = path.startsWith('src/') ? 2 : 1
  return path.split('/').slice(0, depth).join('/')
}

/** What each import, re-export and `import()` of a file names. Types count: to know a type is to depend on it. */
export function importsOf(text: string): readonly string[] {
  const code = text.replace(/(^|\s)\/\*[\s\S]*?\*\//g, '$1').replace(/(^|\s)\/\/.*$/gm, '$1')
  const statements = /^\s*(?:import|export)\b(?:[^'"`]*?\bfrom)?\s*['"]([^'"\n]+)['"]/gm
  const calls = /\bimport\(\s*['"]([^'"\n]+)['"]/g
  return [statements, calls].flatMap((pattern) => [...code.matchAll(pattern)].map(([, specifier = '']) => specifier))
}

/** What is left of them when the program runs: `import type` is erased. */
function importsAtRunTime(text: string): readonly string[] {
  return importsOf(text.replace(/^(?:import|export) type\b[^'"=]*?from\s*['"][^'"]+['"]/gm, ''))
}

/** The files of ours among what a file imports. */
function ownFiles(path: string, imports: readonly string[]): readonly string[] {
  const own = imports.filter((specifier) => specifier.startsWith('.'))
  return own.map((specifier) => posix.join(posix.dirname(path), specifier))
}

function checkTable(mayImport: typeof MAY_IMPORT): readonly string[] {
  const above = new Set(Object.keys(mayImport))
  return Object.entries(mayImport).flatMap(([home, allowed]) => {
    above.delete(home)
    return allowed
      .filter((other) => above.has(other))
      .map((other) => `${home} must not name ${other}, which is above it`)
  })
}

function checkHome(path: string, text: string, mayImport: typeof MAY_IMPORT): readonly string[] {
  const home = homeOf(path)
  const allowed = mayImport[home]
  if (!allowed) return [`${path} has no home: ${home} is not in the table`]
  const breaches = ownFiles(path, importsOf(text))
    .filter((imported) => homeOf(imported) !== home && !allowed.includes(homeOf(imported)))
    .map((imported) => `${path} must not import ${imported}`)
  const packages = importsOf(text).filter((specifier) => !specifier.startsWith('.'))
  if (home === 'src/market') breaches.push(...packages.map((name) => `${path} must be plain, imports ${name}`))
  return breaches
}

function checkFile(path: string, text: string): readonly string[] {
  const breaches: string[] = []
  const lines = lineCount(text)
  if (lines > MOST_LINES) breaches.push(`${path} must have at most ${MOST_LINES} lines, has ${lines}`)
  for (const name of path.replace(/\.ts$/, '').split('/')) {
    if (NAMES_THAT_SAY_NOTHING.test(name)) breaches.push(`${path} must be named for what it does, not ${name}`)
  }
  if (path.endsWith('/index.ts') && path !== 'feeds/index.ts')
    breaches.push(`${path} must not be: only feeds has a list`)
  return breaches
}

/** Circles of files, each told once. Types may point back (they are erased); values in a circle load in no good order. */
function findCycles(sources: Sources): readonly string[] {
  const breaches: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) breaches.push(`${[...trail.slice(start), path].join(' -> ')} is a circle`)
    if (start >= 0 || done.has(path)) return
    for (const imported of ownFiles(path, importsAtRunTime(sources.get(path) ?? ''))) visit(imported, [...trail, path])
    done.add(path)
  }
  for (const path of sources.keys()) visit(path, [])
  return breaches
}

function checkMedian(sources: Sources): readonly string[] {
  const lengths = [...sources.values()].map(lineCount).sort((a, b) => a - b)
  const median = lengths[Math.floor(lengths.length / 2)] ?? 0
  if (median <= MOST_LINES_IN_THE_MIDDLE) return []
  return [`the median file must have at most ${MOST_LINES_IN_THE_MIDDLE} lines, has ${median}`]
}

function lineCount(text: string): number {
  return text.split('\n').length - 1
}
