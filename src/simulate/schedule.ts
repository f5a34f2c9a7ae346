import { seedFor, unit } from './noise.ts'

/** A stretch of steady trading. Trade numbers `n` go on from one segment to the next. */
export interface Segment {
  readonly firstN: number
  /** Unix ms. */
  readonly startTime: number
  readonly ratePerSecond: number
  /** The last millisecond in which it trades; without it, it trades on. A last segment that has it is a halt. */
  readonly until?: number | undefined
}

/** When a made-up market traded, and how fast its price path runs. */
export interface MarketLife {
  /** Trades a second at birth: the unit in which the price path is laid over the trade numbers. */
  readonly paceRate: number
  /** At least one. */
  readonly segments: readonly Segment[]
}

/** When each trade happens. */
export interface Schedule {
  /** Unix ms, whole. Never falls as `n` grows. */
  timeOf(n: number): number
  /** The first `n` that happens at or after `time`. */
  firstAt(time: number): number
}

/** Within a block the pace swells or ebbs: a market comes in bursts. */
const BLOCK = 64

/**
 * Creates the schedule of `segments`, of which there is at least one, in order; they may grow. Trade k of a segment happens after
 * k / rate seconds, shaken by less than a place and bent within its block, both by hashes: so the time of any trade is
 * known without the others', order is kept, and nothing ticks like a metronome.
 */
export function createSchedule(marketSeed: number, segments: readonly Segment[]): Schedule {
  const seed = seedFor(marketSeed, 'time')
  const segmentOf = (n: number) => segments.findLast((segment) => n >= segment.firstN) ?? segments[0]!
  const timeIn = (segment: Segment, n: number) => {
    const k = n - segment.firstN
    return Math.floor(
      segment.startTime + (bend(seed, segment.firstN, k + unit(seed, n)) / segment.ratePerSecond) * 1000,
    )
  }
  return {
    timeOf: (n) => timeIn(segmentOf(n), n),
    firstAt(asked) {
      const time = beforeAHalt(segments, asked)
      const segment = segments.findLast(({ startTime }) => startTime <= time) ?? segments[0]!
      const next = segments[segments.indexOf(segment) + 1]
      if (time <= segment.startTime) return segment.firstN
      if (segment.until !== undefined && time > segment.until && next) return next.firstN
      const block = Math.floor(((time - segment.startTime) / 1000) * (segment.ratePerSecond / BLOCK))
      // Rounding to whole ms can move a block's edge by one trade or by many in one ms: search one block more each side.
      let low = segment.firstN + Math.max(0, block - spare(segment)) * BLOCK
      let high = segment.firstN + (block + 1 + spare(segment)) * BLOCK
      while (low < high) {
        const middle = Math.floor((low + high) / 2)
        if (timeIn(segment, middle) >= time) high = middle
        else low = middle + 1
      }
      return next ? Math.min(low, next.firstN) : low
    },
  }
}

/** Nothing happens in a halt: every moment in it is like its first. */
function beforeAHalt(segments: readonly Segment[], time: number): number {
  return Math.min(time, (segments.at(-1)!.until ?? Number.POSITIVE_INFINITY) + 1)
}

/**
 * The segments with the last one ended after `until` and a new one begun at `startTime`, which must be later: ids go on
 * without a hole.
 */
export function continueSegments(
  marketSeed: number,
  segments: readonly Segment[],
  { until, startTime, ratePerSecond }: Omit<Segment, 'firstN' | 'until'> & { readonly until: number },
): readonly Segment[] {
  const firstN = createSchedule(marketSeed, segments).firstAt(until + 1)
  return [...segments.slice(0, -1), { ...segments.at(-1)!, until }, { firstN, startTime, ratePerSecond }]
}

/** Blocks that fit into one ms, and one. */
function spare({ ratePerSecond }: Segment): number {
  return 1 + Math.ceil(ratePerSecond / BLOCK / 1000)
}

/** Maps a place in a segment to another in the same block, keeping order: a power between 1/2 and 2. */
function bend(seed: number, firstN: number, place: number): number {
  const block = Math.floor(place / BLOCK)
  const power = 2 ** (2 * unit(~seed, firstN + block) - 1)
  return BLOCK * (block + (place / BLOCK - block) ** power)
}
