/** The object that a part of a token is, its names each once; undefined when it is none. */
export function strictObject(part: string): Readonly<Record<string, unknown>> | undefined {
  // Node leaves out what is not base64url: two texts would be one token.
  if (!/^[\w-]+$/.test(part)) return undefined
  const text = Buffer.from(part, 'base64url').toString('utf8')
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    // Most are written as this is: then nothing is lost in it, so nothing was said twice.
    return JSON.stringify(value) !== text && hasNameTwice(text) ? undefined : (value as Readonly<Record<string, unknown>>)
  } catch {
    return undefined
  }
}

/**
 * Whether an object that can be parsed has a name twice, not looking into what it holds. Of two claims of one name every reader
 * takes another, so whoever checks one may not be who acts on it.
 */
export function hasNameTwice(text: string): boolean {
  const names = new Set<string>()
  let depth = 0
  let begun = -1
  // Whether the next text at the top is a name.
  let isName = true
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (begun !== -1) {
      if (character === '\\') at++
      else if (character === '"') {
        if (depth === 1 && isName) {
          // The same name may be written in two ways.
          const name = JSON.parse(text.slice(begun, at + 1)) as string
          if (names.has(name)) return true
          names.add(name)
        }
        begun = -1
      }
    } else if (character === '"') begun = at
    else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
    else if (depth === 1 && character === ':') isName = false
    else if (depth === 1 && character === ',') isName = true
  }
  return false
}
