import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { describeWithProgram } from './describe.ts'
import { postgresqlBinaries, runStatements, startPostgresql } from './postgresql.ts'
import { redisBinary, runningRedis, startRedis } from './redis.ts'

describeWithProgram('PostgreSQL from its programs', postgresqlBinaries(process.env), (binaries) => {
  it('answers on a free port, and is gone with its files when it is stopped', async () => {
    const server = await startPostgresql(binaries)
    const [row] = await runStatements(server.url, ["select current_setting('data_directory') as directory"])
    const directory = String(row?.directory)
    await server.stop()
    await expect(runStatements(server.url, ['select 1'])).rejects.toThrow('ECONNREFUSED')
    expect(existsSync(directory)).toBe(false)
  })

  it('has what it had when it is started again after a halt', async () => {
    const server = await startPostgresql(binaries)
    await runStatements(server.url, ['create table kept (row int)', 'insert into kept values (7)'])
    await server.halt('SIGQUIT')
    await expect(runStatements(server.url, ['select 1'])).rejects.toThrow('ECONNREFUSED')
    await server.revive()
    expect(await runStatements(server.url, ['select row from kept'])).toEqual([{ row: 7 }])
    await server.stop()
  })

  it('leaves nothing behind when it cannot start', async () => {
    await expect(startPostgresql('/nowhere')).rejects.toThrow('ENOENT')
  })
})

describeWithProgram('Redis from its program', redisBinary(process.env), (binary) => {
  it('answers on a free port, and is gone when it is stopped', async () => {
    const server = await startRedis(binary)
    expect(await runningRedis({ REDIS_URL: server.url })).toBe(server.url)
    await server.stop()
    await expect(runningRedis({ REDIS_URL: server.url })).rejects.toThrow()
  })
})
