import { type IdRange, overlap, without } from '../market/id-range.ts'
import type { Instrument } from '../market/instrument.ts'
import type { Database, Gap } from '../tiers/database/database.ts'

const NOT_LOADED = 'these trades were not loaded'
const GONE = 'the source does not have these trades'

/**
 * Settles the gaps of a range in which every trade is stored now but those that are `gone` for good: a gap that reaches
 * beyond it is told in parts. Stores what became of them and returns what is new.
 */
export async function settleGaps(
  instrument: Instrument,
  range: IdRange,
  gone: readonly IdRange[],
  database: Pick<Database, 'gaps' | 'write'>,
): Promise<readonly Gap[]> {
  const touched = (await database.gaps(instrument)).filter(
    (gap) => gap.status !== 'filled' && overlap(gap, range) !== undefined,
  )
  const untouched = touched.flatMap((gap) => without(gap, [range]).map((rest) => ({ ...gap, ...rest })))
  const filled = touched
    .flatMap((gap) => without(overlap(gap, range)!, gone))
    .map((rest): Gap => ({ instrument, ...rest, status: 'filled', reason: undefined }))
  const unfillable = gone
    .filter(({ from, to }) => !touched.some((gap) => gap.from === from && gap.to === to && gap.status === 'unfillable'))
    .map((rest): Gap => ({ instrument, ...rest, status: 'unfillable', reason: GONE }))
  const settled = [...filled, ...unfillable].sort((a, b) => a.from - b.from)
  const gaps = [...untouched, ...settled]
  if (gaps.length > 0) await database.write({ ticks: [], candles: [], gaps })
  return settled
}

/**
 * Tells, as gaps that nobody will fill, what was left out between a loaded range and the stored trades on either side of
 * it: else the stream would jump there in silence. Stores and returns them.
 */
export async function tellNotLoaded(
  instrument: Instrument,
  { from, to }: IdRange,
  database: Pick<Database, 'gaps' | 'write' | 'ticksAfter' | 'ticksBefore'>,
): Promise<readonly Gap[]> {
  const [before] = await database.ticksBefore(instrument, from, 1)
  const [after] = await database.ticksAfter(instrument, to, 1)
  const between = [
    { from: before === undefined ? from : before.id + 1, to: from - 1 },
    { from: to + 1, to: after === undefined ? to : after.id - 1 },
  ]
  const told = (await database.gaps(instrument)).filter(({ status }) => status !== 'filled')
  const gaps = between
    .flatMap((range) => without(range, told))
    .map((range): Gap => ({ instrument, ...range, status: 'unfillable', reason: NOT_LOADED }))
  if (gaps.length > 0) await database.write({ ticks: [], candles: [], gaps })
  return gaps
}
