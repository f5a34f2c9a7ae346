import { Store } from './store.ts'

/** Databases that schedules take turns on. */
export class Stores {
  readonly #free: Store[] = []
  readonly #all: Promise<Store>[] = []
  readonly #create: () => Promise<Store>

  constructor(adminUrl: string, prefix: string) {
    this.#create = () => Store.create(adminUrl, prefix)
  }

  /** Lends one for as long as `work` takes; there are as many as were ever lent at the same time. */
  async lend<T>(work: (store: Store) => Promise<T>): Promise<T> {
    const store = this.#free.pop() ?? (await this.#add())
    try {
      return await work(store)
    } finally {
      this.#free.push(store)
    }
  }

  async drop(): Promise<void> {
    for (const store of await Promise.all(this.#all)) await store.drop()
  }

  #add(): Promise<Store> {
    const created = this.#create()
    this.#all.push(created)
    return created
  }
}
