import { Command } from 'ioredis'
import { SET_ALL } from './scripts.ts'

/**
 * EVAL of SET_ALL, with its text made in one go: of a thousand arguments ioredis' own way takes twice as long, and the
 * server waits for it.
 */
export class SetAllCommand extends Command {
  readonly #text: string

  constructor(keys: readonly string[], texts: readonly string[], seconds: number) {
    super('eval', [], { replyEncoding: 'utf8' })
    let text = `*${4 + keys.length + texts.length}\r\n`
    for (const argument of ['EVAL', SET_ALL, String(keys.length)]) text += bulk(argument)
    for (const key of keys) text += bulk(key)
    text += bulk(String(seconds))
    for (const value of texts) text += bulk(value)
    this.#text = text
  }

  override toWritable(): string {
    return this.#text
  }
}

/** As the protocol has an argument (RESP, "Bulk strings"). */
function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`
}
