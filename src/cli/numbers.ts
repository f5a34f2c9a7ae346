import { InvalidArgumentError } from 'commander'

/** Reads a whole number from `least` to `most`, both allowed, for commander. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }
}

/** Reads a replay speed: 0.1 to 1000 times, or `max`. */
export function replaySpeed(text: string): number | 'max' {
  if (text === 'max') return text
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value >= 0.1 && value <= 1000) return value
  throw new InvalidArgumentError("It must be a number from 0.1 to 1000, or 'max'.")
}

/** Reads a moment, as Unix ms or ISO 8601, into Unix ms. */
export function moment(text: string): number {
  const time = /^\d+$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isSafeInteger(time)) return time
  throw new InvalidArgumentError("It must be Unix milliseconds or a date like '2026-01-05T12:00:00Z'.")
}
