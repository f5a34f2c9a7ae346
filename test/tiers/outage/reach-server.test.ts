import { describe, expect, it, onTestFinished } from 'vitest'
import { GatewayError } from '../../../src/base/errors.ts'
import type { SqlDatabase } from '../../../src/tiers/database/sql-database.ts'
import { reachServer } from '../../../src/tiers/outage/reach-server.ts'
import { FickleDatabase } from '../../fakes/fickle-database.ts'
import { createLogRecorder } from '../../fakes/log-recorder.ts'
import { MemorySpool } from '../../fakes/memory-spool.ts'

const away = () => new GatewayError('tier_unavailable', 'the database must answer, but: ECONNREFUSED')
const refused = () => new GatewayError('config_invalid', 'the database must let the gateway in, but: wrong password')

/** A server that answers its tries with these errors, one after the other, and then lets the gateway in. */
async function reach(errors: readonly GatewayError[]) {
  const left = [...errors]
  const log = createLogRecorder()
  const closing = new AbortController()
  const open = async () => {
    const error = left.shift()
    if (error !== undefined) throw error
    return new FickleDatabase() as unknown as SqlDatabase
  }
  const spool = new MemorySpool()
  const { signal } = closing
  const tier = await reachServer({ open, spool, onDrained: () => {}, signal, log, now: Date.now })
  onTestFinished(() => {
    closing.abort()
    return tier.close()
  })
  return { tier, log }
}

describe('a server that is away at the start', () => {
  it('may refuse the login later: the gateway serves on without it, says why, and needs no start when that is mended', async () => {
    const { tier, log } = await reach([away(), refused(), refused()])
    expect(tier.status).toMatchObject({ state: 'away' })
    await tier.opened
    expect(tier.status).toMatchObject({ state: 'open' })
    const reasons = log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields.reason)
    expect(reasons).toEqual([away().message, refused().message])
  })
})

describe('a server that refuses the login at the start', () => {
  it('ends it: a wrong password is told at once', async () => {
    await expect(reach([refused()])).rejects.toMatchObject({ code: 'config_invalid' })
  })
})
