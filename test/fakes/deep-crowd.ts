/**
 * A crowd of clients in a process of its own: as many sockets as it is told, all at once, each with one request in its
 * query. Prints, as JSON, how many got the whole of their history, and how many bytes.
 */
import { connect } from 'node:net'

const [port = '0', count = '0', path = '/ws'] = process.argv.slice(2)
const LAST = '"more":false'

function client(): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1')
    let bytes = 0
    // The text may come in two pieces.
    let before = ''
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('a connection ended before its history did')))
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      const heard = before + chunk.toString('latin1')
      before = heard.slice(-LAST.length)
      if (!heard.includes(LAST)) return
      // It stays, as a dashboard does.
      socket.removeAllListeners('data').resume()
      resolve(bytes)
    })
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
  })
}

const startedAt = performance.now()
const sizes = await Promise.all(Array.from({ length: Number(count) }, client))
const bytes = sizes.reduce((sum, size) => sum + size, 0)
console.log(JSON.stringify({ clients: sizes.length, bytes, ms: Math.round(performance.now() - startedAt) }))
process.exit(0)
