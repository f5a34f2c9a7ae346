/** What a source says of a market beside its trades. */
export interface MarketState {
  /** `PRE`, `REGULAR`, `POST`, `CLOSED`, or what else the source calls it. */
  readonly market: string
  /** By how much its prices are late (ms); 0: they are not. */
  readonly delayMs: number
  /** The exchange day so far, regular hours; a field is undefined where the source does not say. */
  readonly day: {
    readonly previousClose: number | undefined
    readonly high: number | undefined
    readonly low: number | undefined
    readonly volume: number | undefined
  }
}
