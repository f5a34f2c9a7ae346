import type { Instrument } from '../../market/instrument.ts'
import { type Frame, jsonFrame } from './frame.ts'

/** The instruments that the frames of a file name, by number. */
export type Names = readonly (Instrument | undefined)[]

/**
 * Numbers for instruments, for the life of a process: a file says itself what its numbers mean, because the database,
 * which has numbers too, may be away when it is read. An instrument whose digits have changed gets another number.
 */
export class InstrumentNumbers {
  readonly #names: Instrument[] = []
  readonly #numbers = new Map<Instrument, number>()
  readonly #numberByText = new Map<string, number>()

  get names(): Names {
    return this.#names
  }

  numberOf(instrument: Instrument): number {
    const known = this.#numbers.get(instrument)
    if (known !== undefined) return known
    const text = JSON.stringify(plain(instrument))
    const number = this.#numberByText.get(text) ?? this.#names.push(instrument) - 1
    this.#numberByText.set(text, number)
    this.#numbers.set(instrument, number)
    return number
  }

  /** The frame that defines every number from `first` on; nothing when there is none. */
  definitions(first: number): Buffer {
    if (first >= this.#names.length) return Buffer.alloc(0)
    const defined = this.#names.slice(first).map((instrument, index) => [first + index, plain(instrument)])
    return jsonFrame('d', defined)
  }
}

export function define(names: (Instrument | undefined)[], { body }: Frame): void {
  for (const [number, instrument] of JSON.parse(body.toString()) as readonly (readonly [number, Instrument])[]) {
    names[number] = instrument
  }
}

/** In this order, and nothing else that a caller's object may hold. */
function plain(instrument: Instrument): Instrument {
  const { assetClass, symbol, source, sourceSymbol, priceDigits, sizeDigits, about } = instrument
  return { assetClass, symbol, source, sourceSymbol, priceDigits, sizeDigits, ...(about && { about }) }
}
