import http from 'node:http'
import https from 'node:https'

export type PageHead = Pick<Response, 'status' | 'statusText' | 'headers' | 'ok'>

/** 34 kB were seen of the page, most of it security policies; `fetch` ends at 16 kB, and has no option for it. */
const MOST_HEADER_BYTES = 128 * 1_024

/** Asks for a page whose cookies are all we want: of its body, megabytes, nothing is read. */
export function askPage(url: string, headers: RequestInit['headers'], signal: AbortSignal): Promise<PageHead> {
  const { request } = url.startsWith('https:') ? https : http
  const options = { headers: Object.fromEntries(new Headers(headers)), signal, maxHeaderSize: MOST_HEADER_BYTES }
  return new Promise((resolve, reject) => {
    const asked = request(url, options, (response) => {
      const { statusCode: status = 0, statusMessage: statusText = '' } = response
      const told = new Headers()
      for (const [name, values = []] of Object.entries(response.headersDistinct)) {
        for (const value of values) told.append(name, value)
      }
      // That it is cut is what we want.
      response.on('error', () => {}).destroy()
      resolve({ status, statusText, headers: told, ok: status >= 200 && status < 300 })
    })
    asked.on('error', reject)
    asked.end()
  })
}
