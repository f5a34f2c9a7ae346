import { binaryFrame, type Frame, payloadOf, textFrame } from '../frame.ts'

/** Frames instead of one good frame; it is among them or it is lost. */
type Mangle = (good: Frame) => readonly Frame[]

/** Looks like the exchange's own binary encoding (SBE) in a place where JSON was asked for. */
const BINARY = binaryFrame('\x18\x00\x10\x27\x01\x00\x00\x00\xff\xfe\x00\x80')

/** In turn, so that every kind comes when there are enough of them. */
const MANGLES: readonly Mangle[] = [
  (good) => [textFrame(payloadOf(good).slice(0, payloadOf(good).length >> 1))],
  (good) => [BINARY, good],
  (good) => [textFrame(withWrongTypes(payloadOf(good)))],
  (good) => [textFrame('null'), good],
  (good) => [textFrame(payloadOf(good).replace(/"p":"[^"]*"/, '"p":"NaN"'))],
  (good) => [textFrame('{"stream":"btcusdt@aggTrade","data":[]}'), good],
  (good) => [textFrame('<html><body><h1>502 Bad Gateway</h1></body></html>'), good],
  () => [textFrame('')],
]

/** What comes in the place of the `nth` frame that is mangled, from 0: nothing of it may be taken for a trade. */
export function mangle(good: Frame, nth: number): readonly Frame[] {
  return MANGLES[nth % MANGLES.length]!(good)
}

/** The id as a string, the price as a number, the side as a number. */
function withWrongTypes(text: string): string {
  return text
    .replace(/"a":(\d+)/, '"a":"$1"')
    .replace(/"p":"([^"]*)"/, '"p":$1')
    .replace(/"m":(?:true|false)/, '"m":1')
}
