// A bot that never misses a trade: it keeps the id of the last one it has acted on and begins after it, however it ended.
//
//     npm run demo                      in one terminal
//     npx tsx examples/bot.ts BTC       in another; stop it, wait, start it again
//
// Outside this repository it imports from 'tickgate/client'.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, describeNotice } from '../src/client/node.ts'

const [symbol = 'BTC', file = `.bot-${symbol}`] = process.argv.slice(2)
const gateway = connect(process.env.TICKGATE_URL ?? 'http://127.0.0.1:8080', {
  onNotice: (notice) => process.stderr.write(`${describeNotice(notice)}\n`),
})
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

const start = existsSync(file) ? { after: { [symbol]: Number(readFileSync(file, 'utf8')) } } : {}
let high = 0

for await (const { id, price, live, backfilled } of gateway.ticks([symbol], start, stop.signal)) {
  if (price === null) continue // An observation without a value; trades have prices.
  const higher = price > high
  if (higher) high = price
  // What came late is part of the picture, but the moment to act on it has passed.
  if (higher && live && !backfilled) process.stdout.write(`${symbol} at a new high of ${price}\n`)
  writeFileSync(file, String(id))
}
