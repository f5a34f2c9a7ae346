import { type Instrument, streamName } from '../../market/instrument.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { CandleRow, Gap } from '../database/database.ts'
import { TIMEFRAME_CODES } from '../database/schema.ts'
import { CANDLE_WIDTH, putCandle } from './candle-table.ts'
import { FRAME_HEAD, sealFrame } from './frame.ts'
import type { InstrumentNumbers, Names } from './segment-names.ts'
import type { Position } from './tick-index.ts'

/** A gap of the instrument of this number: from, to, status, reason, and when it was spooled. */
type GapRecord = readonly [number, Gap['from'], Gap['to'], Gap['status'], string | null, number]

/** The part of a frame of rows that is JSON. */
export interface RowNote {
  /** Everything in files before this one is in here. */
  readonly isWhole?: true
  readonly sequence: number
  readonly gaps?: readonly GapRecord[]
  /** Rows of the instrument that were spooled up to the sequence are in the database. */
  readonly released?: readonly (readonly [number, number])[]
  /** Finished seconds up to this time have left. */
  readonly shedThrough?: number
  /** Ticks before it have left. */
  readonly ticksFrom?: Position
}

/** One candle on disk: u32 number of the instrument, u8 code of the timeframe, the columns. */
export interface CandleRecord {
  readonly number: number
  readonly timeframe: Timeframe
  readonly columns: Float64Array
}

const RECORD_BYTES = 5 + CANDLE_WIDTH * 8
/** More go into another frame. */
export const MOST_CANDLES = 32_768

const TIMEFRAME_BY_CODE = new Map(
  Object.entries(TIMEFRAME_CODES).map(([timeframe, code]) => [code, timeframe as Timeframe]),
)

/** The body: `[u32 length of the note][note][candles]`. */
export function rowFrame(note: RowNote, candles: readonly CandleRecord[]): Buffer {
  const text = Buffer.from(JSON.stringify(note))
  const head = FRAME_HEAD + 4 + text.length
  const bytes = Buffer.alloc(head + candles.length * RECORD_BYTES)
  bytes.writeUInt32LE(text.length, FRAME_HEAD)
  text.copy(bytes, FRAME_HEAD + 4)
  let at = head
  for (const { number, timeframe, columns } of candles) {
    bytes.writeUInt32LE(number, at)
    bytes.writeUInt8(TIMEFRAME_CODES[timeframe], at + 4)
    for (let column = 0; column < CANDLE_WIDTH; column += 1) bytes.writeDoubleLE(columns[column]!, at + 5 + column * 8)
    at += RECORD_BYTES
  }
  return sealFrame(bytes, 'r')
}

export function readRowFrame(body: Buffer): { readonly note: RowNote; readonly candles: readonly CandleRecord[] } {
  const length = body.readUInt32LE(0)
  const note = JSON.parse(body.toString('utf8', 4, 4 + length)) as RowNote
  const candles: CandleRecord[] = []
  for (let at = 4 + length; at < body.length; at += RECORD_BYTES) {
    const columns = new Float64Array(CANDLE_WIDTH)
    for (let column = 0; column < CANDLE_WIDTH; column += 1) columns[column] = body.readDoubleLE(at + 5 + column * 8)
    const timeframe = TIMEFRAME_BY_CODE.get(body.readUInt8(at + 4) as 1)
    if (timeframe !== undefined) candles.push({ number: body.readUInt32LE(at), timeframe, columns })
  }
  return { note, candles }
}

export function candleRecord(
  { instrument, timeframe, candle }: CandleRow,
  sequence: number,
  numbers: InstrumentNumbers,
) {
  const columns = new Float64Array(CANDLE_WIDTH)
  putCandle(columns, 0, candle, sequence)
  return { number: numbers.numberOf(instrument), timeframe, columns }
}

export function gapRecord({ instrument, from, to, status, reason }: Gap, sequence: number, numbers: InstrumentNumbers) {
  return [numbers.numberOf(instrument), from, to, status, reason ?? null, sequence] as const
}

export function nameOf(number: number, names: Names): { instrument: Instrument; stream: string } | undefined {
  const instrument = names[number]
  return instrument && { instrument, stream: streamName(instrument) }
}
