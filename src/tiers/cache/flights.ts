/** A question on its way. */
export interface Flight {
  /** The key was set or deleted since: the answer may be older than that, and must not be kept. */
  readonly isOvertaken: boolean
}

interface Flying {
  isOvertaken: boolean
  answer?: Promise<unknown>
}

/** Questions on their way, one a key: who asks the same meanwhile gets the same answer. */
export class Flights<Answer> {
  readonly #flights = new Map<string, Flying>()

  /** The answer that is on its way. */
  find(name: string): Promise<Answer> | undefined {
    return this.#flights.get(name)?.answer as Promise<Answer> | undefined
  }

  /** `ask` must take at least a microtask. */
  start(name: string, ask: (flight: Flight) => Promise<Answer>): Promise<Answer> {
    const flight: Flying = { isOvertaken: false }
    this.#flights.set(name, flight)
    const answer = this.#end(name, flight, ask)
    flight.answer = answer
    return answer
  }

  /** Who asks from now on asks anew. */
  overtake(name: string): void {
    const flight = this.#flights.get(name)
    if (flight === undefined) return
    flight.isOvertaken = true
    this.#flights.delete(name)
  }

  overtakeAll(): void {
    for (const name of this.#flights.keys()) this.overtake(name)
  }

  async #end(name: string, flight: Flying, ask: (flight: Flight) => Promise<Answer>): Promise<Answer> {
    try {
      return await ask(flight)
    } finally {
      if (this.#flights.get(name) === flight) this.#flights.delete(name)
    }
  }
}
