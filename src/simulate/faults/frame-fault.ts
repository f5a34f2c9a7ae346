/**
 * What can happen to the frame of a trade: it is lost, sent twice, sent late (others overtake it), sent after its
 * successor, or comes out as garbage.
 */
export const FRAME_FAULTS = ['drop', 'double', 'delay', 'reorder', 'garbage'] as const
export type FrameFault = (typeof FRAME_FAULTS)[number]

export interface FrameFaultOptions {
  /** Frames of every connection. */
  readonly count: number
  /** Only this exchange symbol's: `BTCUSDT`. */
  readonly symbol?: string | undefined
  /** How late a delayed frame comes, and the longest that one waits for its successor. Default 250. */
  readonly ms?: number | undefined
}
