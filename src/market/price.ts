/** The newest price of an instrument, as the cache keeps it and clients are told. */
export interface PriceRow {
  readonly symbol: string
  readonly id: number
  /** Null: an observation without a value. */
  readonly price: number | null
  /** Unix ms. */
  readonly time: number
  /** Its source has not confirmed it within the life of its key. */
  readonly stale: boolean
  /** `PRE`, `REGULAR`, `POST`, `CLOSED`, or what else the source calls it. */
  readonly market?: string | undefined
  /** Of macro values, with `vintage`: YYYY-MM-DD. */
  readonly period?: string | undefined
  readonly vintage?: string | undefined
}
