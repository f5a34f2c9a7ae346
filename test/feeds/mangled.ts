import fc from 'fast-check'

/**
 * A recorded message with damage done to it: to its text when it is one, else to a part of it. `payload` names the part
 * that is the source's, where a feed puts something of its own beside it.
 */
export function mangled<Raw>(raws: readonly Raw[], payload?: string): fc.Arbitrary<Raw> {
  const damages = fc.array(fc.tuple(edit(), damage()), { minLength: 1, maxLength: 3 })
  return fc.tuple(fc.constantFrom(...raws), damages).map(([raw, each]) => {
    const copy = structuredClone(raw)
    const whole = payload === undefined ? copy : (copy as Record<string, unknown>)[payload]
    const broken = each.reduce<unknown>(
      (sofar, [editText, editPart]) => (typeof sofar === 'string' ? editText(sofar) : editPart(sofar)),
      whole,
    )
    // It is no Raw any more: that is the point.
    return (payload === undefined ? broken : { ...copy, [payload]: broken }) as Raw
  })
}

/** Even: a double of fast-check's is mostly near 0, and so always the first place. */
const place = () => fc.noBias(fc.nat({ max: 9_999 })).map((n) => n / 10_000)

/** What lines and disks do to a text: cut it, change, lose or add a character. */
function edit(): fc.Arbitrary<(text: string) => string> {
  const kinds = fc.constantFrom('cut', 'change', 'lose', 'add')
  return fc
    .tuple(kinds, place(), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }))
    .map(([kind, where, character]) => (text) => {
      const at = Math.floor(where * text.length)
      const rest = kind === 'add' ? at : at + 1
      if (kind === 'cut') return text.slice(0, at)
      return `${text.slice(0, at)}${kind === 'lose' ? '' : character}${text.slice(rest)}`
    })
}

const ODD_VALUES = [
  ...[null, undefined, Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 1e300, 0.5, 2 ** 60],
  ...['', '.', 'n/a', '1e999', '2026-13-45', '<html>', true, {}, []],
] as const

/** What a source's next version does to a message: another value in a place, or no such place. */
function damage(): fc.Arbitrary<(value: unknown) => unknown> {
  return fc.tuple(place(), fc.constantFrom('lose', ...ODD_VALUES)).map(([where, odd]) => (value) => {
    const places = placesOf(value)
    const at = places[Math.floor(where * places.length)]
    if (at === undefined) return odd
    if (odd === 'lose') delete at.holder[at.key]
    else at.holder[at.key] = odd
    return value
  })
}

type Place = { readonly holder: Record<string, unknown>; readonly key: string }

function placesOf(value: unknown): readonly Place[] {
  if (typeof value !== 'object' || value === null) return []
  const holder = value as Record<string, unknown>
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesOf(holder[key])])
}
