import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWithProgram } from '../../servers/describe.ts'
import type { LaunchedServer } from '../../servers/launch.ts'
import { redisBinary, startRedis } from '../../servers/redis.ts'
import { isLive, openTier, until } from './redis-under-test.ts'

const openssl = (process.env.PATH ?? '')
  .split(delimiter)
  .map((directory) => join(directory, 'openssl'))
  .find((file) => existsSync(file))
const program = openssl && redisBinary(process.env)

describeWithProgram('Redis over TLS', program, (binary) => {
  let redis: LaunchedServer
  /** What stands before many a hosted Redis: it ends the TLS. */
  let tls: Server
  let cert: string

  beforeAll(async () => {
    redis = await startRedis(binary)
    const directory = await mkdtemp(join(tmpdir(), 'tickgate-tls-'))
    const files = ['-keyout', join(directory, 'key'), '-out', join(directory, 'cert')]
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    await promisify(execFile)(openssl ?? '', ['req', '-x509', ...kind, ...names, ...files])
    cert = await readFile(join(directory, 'cert'), 'utf8')
    tls = createServer({ cert, key: await readFile(join(directory, 'key')) }, (near) => {
      const far = connect(Number(new URL(redis.url).port), '127.0.0.1')
      for (const socket of [near, far]) socket.on('error', () => undefined)
      near.pipe(far).pipe(near)
      near.on('close', () => far.destroy())
      far.on('close', () => near.destroy())
    })
    tls.on('tlsClientError', () => undefined)
    await rm(directory, { recursive: true })
    tls.listen(0, '127.0.0.1')
    await once(tls, 'listening')
  })
  afterAll(async () => {
    tls.close()
    await redis.stop()
  })

  const url = () => `rediss://127.0.0.1:${(tls.address() as AddressInfo).port}`

  test('is used when its certificate can be trusted', async () => {
    const opened = openTier(url(), { tls: { ca: cert } })
    await until(() => isLive(opened.tier))
    expect(await opened.tier.setAll([{ key: 'a', text: '1', seconds: 9 }])).toBe(true)
    expect(await opened.tier.get('a')).toMatchObject({ text: '1' })
    await opened.close()
  })

  test('is down with the reason when it cannot, and when it does not speak TLS at all', async () => {
    const distrusted = openTier(url())
    await until(() => distrusted.tier.status.state === 'down')
    expect(distrusted.tier.status.reason).toBe('the connection failed: DEPTH_ZERO_SELF_SIGNED_CERT')
    await distrusted.close()
    const plain = openTier(redis.url.replace('redis:', 'rediss:'))
    await until(() => plain.tier.status.state === 'down')
    expect(plain.tier.status.reason).toMatch(/^the connection/)
    await plain.close()
  })
})
