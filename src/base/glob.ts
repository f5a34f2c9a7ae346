/** What one character of a text must be; `*` stands for any number of them. */
type Piece = '*' | ((character: string) => boolean)

/**
 * Reads a pattern as Redis does: `*`, `?`, `[abc]`, `[^a-c]`, and `\` before a character that means itself. A match takes
 * at most as many steps as pattern times text, whatever stars there are.
 */
export function globOf(pattern: string): (text: string) => boolean {
  const pieces = read([...pattern])
  return (text) => matches(pieces, [...text])
}

/** Greedy, and back to the last star only: an earlier one could not do better. */
function matches(pieces: readonly Piece[], text: readonly string[]): boolean {
  let at = 0
  let piece = 0
  let star = -1
  let taken = 0
  while (at < text.length) {
    const wanted = pieces[piece]
    if (wanted === '*') {
      star = piece
      taken = at
      piece += 1
    } else if (wanted?.(text[at] ?? '')) {
      piece += 1
      at += 1
    } else if (star >= 0) {
      taken += 1
      at = taken
      piece = star + 1
    } else return false
  }
  return pieces.slice(piece).every((rest) => rest === '*')
}

function read(pattern: readonly string[]): readonly Piece[] {
  const pieces: Piece[] = []
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at] ?? ''
    if (character === '*') pieces.push('*')
    else if (character === '?') pieces.push(() => true)
    else if (character === '[') {
      const { test, end } = readClass(pattern, at + 1)
      pieces.push(test)
      at = end
    } else {
      if (character === '\\' && at + 1 < pattern.length) at += 1
      const self = pattern[at]
      pieces.push((other) => other === self)
    }
  }
  return pieces
}

/** From behind the bracket to the one that closes it; one that is not closed reaches to the end of the pattern. */
function readClass(pattern: readonly string[], begin: number) {
  const isExcluded = pattern[begin] === '^'
  const ranges: (readonly [string, string])[] = []
  let at = isExcluded ? begin + 1 : begin
  for (; at < pattern.length && pattern[at] !== ']'; at += 1) {
    const isEscaped = pattern[at] === '\\' && at + 1 < pattern.length
    if (isEscaped) at += 1
    const first = pattern[at] ?? ''
    const last = !isEscaped && pattern[at + 1] === '-' ? pattern[at + 2] : undefined
    // Whatever follows the hyphen is the other end, a closing bracket too.
    if (last !== undefined) at += 2
    ranges.push(first < (last ?? first) ? [first, last ?? first] : [last ?? first, first])
  }
  const test = (character: string) => ranges.some(([low, high]) => character >= low && character <= high) !== isExcluded
  return { test, end: at }
}
