import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { extname } from 'node:path'

const MEDIA: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
}

export interface FileOptions {
  /** Each file is served as this returns it. */
  readonly edit?: (text: string, host: string) => string
  /** Whether pages may hold scripts of their own. */
  readonly inline?: boolean
}

/** Serves the files under `root` under a policy that lets nothing come from elsewhere. */
export function serveFiles(root: URL, { edit = (text) => text, inline = false }: FileOptions = {}): RequestListener {
  const scripts = inline ? "; script-src 'self' 'unsafe-inline'" : ''
  const policy = `default-src 'self' data:; style-src 'self' 'unsafe-inline'${scripts}`
  return (request, response) => {
    const path = new URL(request.url ?? '/', 'http://host').pathname
    const file = new URL(path.endsWith('/') ? `.${path}index.html` : `.${path}`, root)
    try {
      const text = readFileSync(file, 'utf8')
      response.setHeader('content-type', MEDIA[extname(file.pathname)] ?? 'application/octet-stream')
      response.setHeader('content-security-policy', policy)
      response.end(edit(text, request.headers.host ?? ''))
    } catch {
      response.writeHead(404).end()
    }
  }
}
