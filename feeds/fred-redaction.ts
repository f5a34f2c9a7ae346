/** Makes text of others fit for messages: without the key, as it is or as it stands in an address, and short. */
export type Redaction = (text: string) => string

const MOST_CHARACTERS = 200

export function createRedaction(apiKey: string): Redaction {
  const pattern = new RegExp([...apiKey].map(spellings).join(''), 'giu')
  return (text) => (apiKey === '' ? text : text.replace(pattern, '***')).slice(0, MOST_CHARACTERS)
}

/** A character as itself, escaped, or encoded for an address, be it twice. FRED's keys have letters and digits only. */
function spellings(character: string): string {
  if (/[a-z0-9]/i.test(character)) return character
  const bytes = [...Buffer.from(character)].map((byte) => `%(?:25)*${byte.toString(16).padStart(2, '0')}`)
  const plain = `\\\\*\\u{${character.codePointAt(0)!.toString(16)}}`
  return `(?:${plain}|${bytes.join('')}${character === ' ' ? '|\\+' : ''})`
}
