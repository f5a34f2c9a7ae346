const ROW_BYTES = 128

/**
 * The texts of rows as `ws_history` has them, a comma after each, made once for all who get them. The rows may grow at
 * their end; what is given out is never written again.
 */
export class RowText<Row> {
  readonly #encode: (row: Row) => string
  #text: Buffer = Buffer.alloc(0)
  /** Where each text begins, and where the next one will. */
  readonly #starts: number[] = [0]

  /** @param encode to numbers and words of ours: a byte a character */
  constructor(encode: (row: Row) => string) {
    this.#encode = encode
  }

  /** Of the rows from index `start` up to, but not at, `end`, with commas between; empty if there are none. */
  slice(rows: readonly Row[], start: number, end: number): Buffer {
    if (start >= end) return this.#text.subarray(0, 0)
    if (this.#starts.length <= end) this.#encodeAll(rows)
    return this.#text.subarray(this.#starts[start]!, this.#starts[end]! - 1)
  }

  #encodeAll(rows: readonly Row[]): void {
    const encoded = this.#starts.length - 1
    let at = this.#starts[encoded]!
    let text = ''
    for (let index = encoded; index < rows.length; index += 1) {
      const row = `${this.#encode(rows[index]!)},`
      text += row
      at += row.length
      this.#starts.push(at)
    }
    this.#reserve(at, rows.length)
    this.#text.write(text, this.#starts[encoded]!, 'latin1')
  }

  #reserve(bytes: number, rows: number): void {
    if (bytes <= this.#text.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#text.length, rows * ROW_BYTES))
    this.#text.copy(larger)
    this.#text = larger
  }
}
