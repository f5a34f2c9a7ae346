import type { Cursor, Update } from '../../market/tick.ts'
import { type Page, type ReadPorts, reach, readPage } from '../ticks/reach.ts'
import type { SharedReads } from './shared-reads.ts'

/** Small, so that no read holds a turn of the event loop for long; it is all that a replay keeps in memory. */
const PAGE_ROWS = 500

/** How far one symbol of a replay has come: the next tick, read a page at a time from memory or from the database. */
export class ReplayPlace {
  readonly #ports: ReadPorts
  readonly #symbol: string
  readonly #pages: SharedReads<Page>
  #position: Cursor | null
  #page: readonly Update[] = []
  #index = 0
  /** Grows when what was read is no longer wanted, also what is still being read. */
  #epoch = 0
  #reading: { readonly epoch: number; readonly done: Promise<void> } | undefined

  constructor(symbol: string, ports: ReadPorts, pages: SharedReads<Page>, position: Cursor | null) {
    this.#symbol = symbol
    this.#ports = ports
    this.#pages = pages
    this.#position = position
  }

  /** Everything after it is still to be sent; null: everything. */
  get position(): Cursor | null {
    return this.#position
  }

  /** The next tick, if its page is here. */
  get held(): Update | undefined {
    return this.#page[this.#index]
  }

  /** The next tick; `end`: there is none as of now; `away`: it is in the database, and has to be read. */
  look(): Update | 'end' | 'away' {
    if (this.held) return this.held
    const rows = reach(this.#ports.view(), this.#position, PAGE_ROWS)
    if (!rows) return 'away'
    this.#hold(rows)
    return rows[0] ?? 'end'
  }

  /** Reads the next page of the database. @throws GatewayError tier_unavailable */
  read(): Promise<void> {
    if (this.#reading?.epoch === this.#epoch) return this.#reading.done
    const epoch = this.#epoch
    const done = this.#read(epoch).finally(() => {
      if (this.#reading?.epoch === epoch) this.#reading = undefined
    })
    this.#reading = { epoch, done }
    return done
  }

  /** The next tick has been sent. */
  pass({ id }: Update): void {
    this.#position = id
    this.#index += 1
    if (!this.held) this.#hold([])
  }

  /** Lets go of what was read: it is read again, as it is then. */
  forget(): void {
    this.#epoch += 1
    this.#hold([])
  }

  move(position: Cursor | null): void {
    this.forget()
    this.#position = position
  }

  async #read(epoch: number): Promise<void> {
    const isOver = () => epoch !== this.#epoch || this.#ports.signal.aborted
    const position = this.#position
    const read = () => readPage(position, this.#ports, PAGE_ROWS)
    const page = await this.#pages.read(`${this.#symbol} ${position}`, isOver, read)
    if (!page || isOver()) return
    this.#hold(page.page)
    this.#position = page.position
  }

  #hold(page: readonly Update[]): void {
    this.#page = page
    this.#index = 0
  }
}
