/**
 * Hash-based noise: everything here is a pure function of a seed and a position, so that any trade can be made without
 * the ones before it.
 */

/** Mixes a seed and an integer (below 2^53, of either sign) into 32 even bits. Finalizer after "lowbias32", C. Wellons. */
export function hash(seed: number, n: number): number {
  let bits = seed ^ Math.imul(n | 0, 0x9e3779b1) ^ Math.imul(Math.floor(n / 4_294_967_296) | 0, 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad)
  bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97)
  return (bits ^ (bits >>> 15)) >>> 0
}

/** A number in [0, 1), even. */
export function unit(seed: number, n: number): number {
  return hash(seed, n) / 4_294_967_296
}

/** A number of mean 0 and deviation 1, near enough to normal: the sum of four even 16-bit halves. */
export function bell(seed: number, n: number): number {
  const a = hash(seed, n)
  const b = hash(~seed, n)
  const sum = (a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16)
  return (sum / 65_536 - 2) * Math.sqrt(3)
}

/** A seed of its own for each use, so that price, size and side of a trade know nothing of each other. */
export function seedFor(seed: number, ...names: readonly string[]): number {
  let bits = 0x811c9dc5
  for (const char of `${seed}:${names.join(':')}`) bits = Math.imul(bits ^ char.charCodeAt(0), 0x01000193)
  return hash(bits, seed)
}

const SHORTEST_WAVE_SECONDS = 0.5
/** The longest wave is 24 days: a chart of two months has its hills. */
const OCTAVES = 23

/**
 * The logarithm of a price against `seconds`, 0 at 0. Value noise in octaves whose amplitude grows with the root of
 * their length has the spectrum of a random walk, yet any point of it costs the same: no walking.
 *
 * The lattice values of the last position are remembered per octave, which only makes a forward reader fast.
 */
export function createPricePath(seed: number, hourlyDeviation: number): (seconds: number) => number {
  // A sum over waves of length L with amplitude c·√L deviates by about 1.15·c·√dt over dt.
  const perRootSecond = hourlyDeviation / (1.15 * 60)
  const lengths = Float64Array.from({ length: OCTAVES }, (_, octave) => SHORTEST_WAVE_SECONDS * 2 ** octave)
  const amplitudes = lengths.map((length) => 2 * perRootSecond * Math.sqrt(length))
  const seeds = Int32Array.from(lengths, (_, octave) => hash(seed, octave))
  const phases = lengths.map((_, octave) => unit(seed, OCTAVES + octave))
  const cells = new Float64Array(OCTAVES).fill(Number.NaN)
  const lefts = new Float64Array(OCTAVES)
  const rights = new Float64Array(OCTAVES)

  const valueAt = (seconds: number) => {
    let sum = 0
    for (let octave = 0; octave < OCTAVES; octave += 1) {
      const position = seconds / lengths[octave]! + phases[octave]!
      const cell = Math.floor(position)
      if (cell !== cells[octave]) {
        cells[octave] = cell
        lefts[octave] = unit(seeds[octave]!, cell) - 0.5
        rights[octave] = unit(seeds[octave]!, cell + 1) - 0.5
      }
      const t = position - cell
      sum += amplitudes[octave]! * (lefts[octave]! + (rights[octave]! - lefts[octave]!) * t * t * (3 - 2 * t))
    }
    return sum
  }

  const origin = valueAt(0)
  return (seconds) => valueAt(seconds) - origin
}
