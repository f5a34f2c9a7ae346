import { spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { ScriptedGateway } from '../fakes/scripted-gateway.ts'

const BIN = fileURLToPath(new URL('../../dist/src/cli/tickgate.js', import.meta.url))
const open: { close(): unknown }[] = []

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function scripted(symbols: readonly string[] = ['BTC', 'ETH']) {
  const gateway = new ScriptedGateway(symbols)
  open.push(gateway)
  for (const symbol of symbols) gateway.publish(symbol)
  return { gateway, url: await gateway.listen() }
}

/** Starts a program; `said` resolves when its output has a text, `ended` with its exit code. */
function start(command: string, words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(command, words, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  open.push({ close: () => child.kill('SIGKILL') })
  const heard = { out: '', err: '' }
  child.stdout.on('data', (data) => {
    heard.out += data
  })
  child.stderr.on('data', (data) => {
    heard.err += data
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const said = (what: 'out' | 'err', text: string) =>
    expect.poll(() => heard[what], { timeout: 10_000 }).toContain(text)
  return { heard, ended, said, child }
}

const tickgate = (...words: readonly string[]) => start(process.execPath, [BIN, ...words])

const lines = (text: string) => text.split('\n').slice(0, -1)

describe('the command line', () => {
  test('the built program may be executed: npx does not see to it a second time', () => {
    expect(statSync(BIN).mode & 0o111).toBe(0o111)
  })

  test.each([
    ['--help'],
    ['serve', '--help'],
    ['demo', '--help'],
    ['tail', '--help'],
    ['verify', '--help'],
    ['backfill', '--help'],
    ['migrate', '--help'],
  ])('tickgate %s %s says how it is used', async (...words) => {
    const { ended, heard } = tickgate(...words)
    expect(await ended).toBe(0)
    expect(heard.out).toContain('Usage: tickgate')
  })

  test.each([['--version'], ['tail', '--version']])(
    'tickgate %s %s prints the version of the package',
    async (...words) => {
      const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
      const { ended, heard } = tickgate(...words)
      expect(await ended).toBe(0)
      expect(heard.out).toBe(`${version}\n`)
    },
  )

  test.each([
    [['tial', 'BTC'], "unknown command 'tial'"],
    [['--loud'], "unknown option '--loud'"],
    [['serve', '--loud'], "unknown option '--loud'"],
    [['tail'], "missing required argument 'symbol'"],
    [['tail', 'BTC', '--timeframe', '1M'], 'It must be one of 1s'],
    [['tail', 'BTC', '--format', 'xml'], 'Allowed choices are ndjson, csv'],
    [['tail', 'BTC', '--url', 'localhost'], 'must start with http(s)://'],
    [['tail', 'BTC', 'ETH', '--after', '7'], '--after must be ID (of one symbol)'],
    [['demo', '--speed', '5'], '--speed is for a recording'],
    [['tail', 'BTC', '--channel', 'prices', '--after', '7'], 'are for --channel ticks'],
    [['tail', 'BTC', '--after', '7', '--from', '0'], 'must not be given both'],
    [['tail', 'BTC', '--from', 'noon'], 'It must be Unix milliseconds'],
    [['tail', 'BTC', '--from', '0', '--speed', '2000'], 'It must be a number from 0.1 to 1000'],
    [['demo', '--rate', 'fast'], 'It must be a whole number from 1 to 20000'],
    [['demo', '--port', '65536'], 'It must be a whole number from 0 to 65535'],
    [['demo', '--speed', '0'], 'It must be a number from 0.1 to 1000'],
  ])('tickgate %j exits with 1 and says why', async (words, message) => {
    const { ended, heard } = tickgate(...words)
    expect(await ended).toBe(1)
    expect(heard.err).toContain(message)
    expect(heard.err).not.toMatch(/\n\s+at /)
    expect(heard.out).toBe('')
  })
})

describe('tail', () => {
  test('prints live ticks one object a line, and resumes without a hole after a cut', async () => {
    const { gateway, url } = await scripted(['BTC'])
    const { child, ended, heard, said } = tickgate('tail', 'BTC', '--url', url)
    await said('err', 'connected')
    await expect.poll(() => gateway.subscribes.length).toBe(1)
    gateway.publish('BTC')
    await said('out', '\n')
    gateway.cut()
    gateway.publish('BTC')
    await said('err', 'resumed')
    gateway.publish('BTC')
    await expect.poll(() => lines(heard.out).length).toBe(3)
    expect(lines(heard.out).map((line) => JSON.parse(line))).toEqual(
      gateway
        .ticks('BTC')
        .slice(1)
        .map((tick) => ({ type: 'tick', symbol: 'BTC', ...tick })),
    )
    child.kill('SIGINT')
    expect(await ended).toBe(0)
    expect(heard.err).not.toMatch(/\n\s+at /)
  })

  test('ends quietly with 0 when the reader of its pipe has left', async () => {
    const { gateway, url } = await scripted()
    const script = `{ "$0" "$1" tail BTC ETH --url "$2"; echo "exit $?" >&2; } | head -5`
    const { ended, heard, said } = start('sh', ['-c', script, process.execPath, BIN, url])
    await said('err', 'connected')
    const publishing = setInterval(() => gateway.publish('BTC'), 2)
    open.push({ close: () => clearInterval(publishing) })
    expect(await ended).toBe(0)
    expect(lines(heard.out)).toHaveLength(5)
    expect(lines(heard.err)).toEqual([expect.stringContaining('connected'), 'exit 0'])
  })

  test('takes symbols in either case, and as a list', async () => {
    const { gateway, url } = await scripted(['BTC', 'ETH'])
    const { said } = tickgate('tail', 'btc,eth', '--url', url)
    await said('err', 'connected')
    const publishing = setInterval(() => gateway.publish('ETH'), 2)
    open.push({ close: () => clearInterval(publishing) })
    await said('out', '"symbol":"ETH"')
  })

  test('begins after the id it is given', async () => {
    const { gateway, url } = await scripted(['BTC'])
    gateway.publish('BTC')
    const { said } = tickgate('tail', 'BTC', '--url', url, '--after', '1')
    await said('out', `"id":${gateway.ticks('BTC')[1]?.id},`)
    expect(gateway.subscribes[0]?.after).toEqual({ BTC: 1 })
  })

  test('prints CSV with a head', async () => {
    const { gateway, url } = await scripted(['BTC'])
    const { said, heard } = tickgate('tail', 'BTC', '--url', url, '--format', 'csv', '--after', '0')
    const { id, time, received } = gateway.ticks('BTC')[0]!
    await said('out', 'buy')
    expect(heard.out).toBe(
      `symbol,id,prev,price,size,side,time,received,backfilled,period,vintage\nBTC,${id},,100,0.5,buy,${time},${received},,,\n`,
    )
  })

  test.each(['candles', 'prices'])('prints %s', async (channel) => {
    const { gateway, url } = await scripted(['BTC'])
    const { said, heard } = tickgate('tail', 'BTC', '--url', url, '--channel', channel)
    await expect.poll(() => gateway.subscribes.length, { timeout: 10_000 }).toBe(1)
    gateway.publish('BTC')
    await said('out', '\n')
    expect(JSON.parse(lines(heard.out)[0]!)).toMatchObject({ type: channel.slice(0, -1), symbol: 'BTC' })
  })

  test('exits with 1 naming the symbol when every symbol is unknown', async () => {
    const { url } = await scripted(['BTC'])
    const { ended, heard } = tickgate('tail', 'NOPE', '--url', url)
    expect(await ended).toBe(1)
    expect(lines(heard.err)).toEqual([expect.stringContaining('connected'), expect.stringContaining('NOPE')])
    expect(heard.out).toBe('')
  })

  test('waits for a gateway that is not there yet, and says so once', async () => {
    const { gateway, url } = await scripted(['BTC'])
    gateway.starting = true
    const { said, heard } = tickgate('tail', 'BTC', '--after', '0', '--url', url)
    await said('err', 'no connection')
    await expect.poll(() => gateway.refused, { timeout: 10_000 }).toBeGreaterThan(2)
    gateway.starting = false
    await said('out', '"symbol":"BTC"')
    expect(heard.err.match(/no connection/g)).toHaveLength(1)
  })
})
