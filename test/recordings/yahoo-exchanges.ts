import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A question to Yahoo and what it answered, as somebody has recorded it. */
export interface YahooExchange {
  readonly file: string
  readonly url: URL
  readonly status: number
  readonly body: string
  /** When Yahoo answered, by its own clock. */
  readonly date: string | undefined
}

/** Reads every exchange below a directory: JSON files with `url`, `status`, `headers`, and `bodyJson` or `body`. */
export async function readExchanges(directory: string): Promise<readonly YahooExchange[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
  return await Promise.all(files.map(({ parentPath, name }) => readExchange(join(parentPath, name))))
}

async function readExchange(file: string): Promise<YahooExchange> {
  const recorded = JSON.parse(await readFile(file, 'utf8'))
  return {
    file,
    url: new URL(recorded.url),
    status: recorded.status,
    body: recorded.body ?? JSON.stringify(recorded.bodyJson),
    date: recorded.headers?.date?.[0],
  }
}
