/**
 * A piece of rows in PostgreSQL's binary COPY format: the cheapest bytes to make and the fastest to load, the same for a
 * server and for the embedded database. The first piece begins with the header, the last one ends with the trailer.
 * Source: PostgreSQL documentation, "COPY", section "Binary Format".
 */
export class CopyTuples {
  readonly #bytes: Uint8Array<ArrayBuffer>
  readonly #view: DataView
  #at = 0
  #room: number

  /** `rowBytes` is the most one row takes, as `tupleBytes` tells. */
  constructor(rows: number, rowBytes: number) {
    this.#bytes = new Uint8Array(HEADER.length + rows * rowBytes + TRAILER_BYTES)
    this.#view = new DataView(this.#bytes.buffer)
    this.#room = rows
  }

  get isFull(): boolean {
    return this.#room === 0
  }

  header(): void {
    this.#bytes.set(HEADER)
    this.#at = HEADER.length
  }

  /** Begins a row of `fields` fields; exactly as many calls of the methods below must follow. */
  row(fields: number): void {
    this.#view.setInt16(this.#at, fields)
    this.#at += 2
    this.#room -= 1
  }

  null(): void {
    this.#view.setInt32(this.#at, -1)
    this.#at += 4
  }

  bool(value: boolean): void {
    this.#field(1)
    this.#bytes[this.#at - 1] = value ? 1 : 0
  }

  int2(value: number): void {
    this.#field(2)
    this.#view.setInt16(this.#at - 2, value)
  }

  int4(value: number): void {
    this.#field(4)
    this.#view.setInt32(this.#at - 4, value)
  }

  /** Two halves instead of a BigInt, which would be an allocation for every number. */
  int8(value: number): void {
    this.#field(8)
    this.#view.setInt32(this.#at - 8, Math.floor(value / 2 ** 32))
    this.#view.setUint32(this.#at - 4, value >>> 0)
  }

  float8(value: number): void {
    this.#field(8)
    this.#view.setFloat64(this.#at - 8, value)
  }

  /** A timestamptz from Unix ms: microseconds since 2000. */
  time(unixMs: number): void {
    this.int8((unixMs - YEAR_2000_MS) * 1000)
  }

  trailer(): void {
    this.#view.setInt16(this.#at, -1)
    this.#at += TRAILER_BYTES
  }

  /** What was written; nothing may be added afterwards. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at)
  }

  #field(length: number): void {
    this.#view.setInt32(this.#at, length)
    this.#at += 4 + length
  }
}

/** The bytes of one row whose fields, none of them null, have these lengths. */
export function tupleBytes(fieldLengths: readonly number[]): number {
  return fieldLengths.reduce((sum, length) => sum + 4 + length, 2)
}

const YEAR_2000_MS = Date.UTC(2000, 0, 1)
const TRAILER_BYTES = 2
/** The signature, no flags, no header extension. */
const HEADER = Uint8Array.from([...'PGCOPY\n\xff\r\n\0'].map((char) => char.charCodeAt(0)).concat(Array(8).fill(0)))
