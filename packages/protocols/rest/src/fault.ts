/**
 * Says where a text stops being JSON, in the engine's words: `Expected ',' or '}' after property value in JSON at position 52
 * (line 3 column 14)`. Runs on refused bodies only.
 */
export function jsonFault(text: string): string {
  try {
    JSON.parse(text)
  } catch (error) {
    return (error as Error).message
  }
  return 'the keys "__proto__" and "constructor.prototype" are not accepted'
}

/**
 * Says what of a text its value does not hold: engines keep the last of two equal keys and the nearest double of a number, and
 * say nothing. Undefined when all of it is there. Texts are looked at closely only when something about them is suspicious.
 */
export function jsonLoss(text: string, value: unknown): string | undefined {
  const keys = countKeys(value, 0)
  if (keys === undefined) return `Cannot take the body: it is nested more than ${MAX_DEPTH} levels deep`
  let colons = 0
  for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', at + 1)) colons++
  const twice = colons === keys ? undefined : repeatedKey(text)
  if (twice !== undefined) return `Cannot take the body: an object in it has the key ${twice} twice`
  if (!LONG_NUMBER.test(text)) return undefined
  for (const [token] of text.matchAll(TOKEN))
    if (!token.startsWith('"') && !/^[{}]/.test(token) && !isExact(token))
      return `Cannot take the body: the number ${token.slice(0, 40)} would arrive as ${Number(token)}; send fewer digits, or text where the contract takes text`
  return undefined
}

/** As deep as a value may be that travels. */
const MAX_DEPTH = 200
const LONG_NUMBER = /[\d.]{16}|\d[eE][+-]?\d{3}/
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"(?:\s*:)?|-?\d[\d.eE+-]*|[{}]/g

/** How many keys all objects in a value have; undefined when it is too deep. */
function countKeys(value: unknown, depth: number): number | undefined {
  if (typeof value !== 'object' || value === null) return 0
  if (depth > MAX_DEPTH) return undefined
  const parts: readonly unknown[] = Array.isArray(value) ? value : Object.values(value)
  let keys = Array.isArray(value) ? 0 : parts.length
  for (const part of parts) {
    const inside = countKeys(part, depth + 1)
    if (inside === undefined) return undefined
    keys += inside
  }
  return keys
}

function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = []
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
    else if (token.endsWith(':')) {
      const key = JSON.parse(token.slice(0, -1)) as string
      if (open.at(-1)?.has(key)) return JSON.stringify(key.slice(0, 40))
      open.at(-1)?.add(key)
    }
  }
  return undefined
}

/** Whether a number in JSON's form keeps every digit as a double: whatever was printed from a double does. */
export function isExact(text: string): boolean {
  const value = Number(text)
  if (!Number.isFinite(value)) return false
  const digits = significant(text)
  if (digits === '') return true
  if (value === 0 || digits.length > 100) return false
  // As JavaScript prints it; as up to 17 digits of it are, which others print; or all of its digits.
  const printed = value.toPrecision(digits.length <= 17 ? digits.length : 100)
  return significant(String(value)) === digits || significant(printed) === digits
}

const significant = (text: string): string =>
  text
    .replace(/[eE].*/, '')
    .replaceAll(/[-.]/g, '')
    .replaceAll(/^0+|0+$/g, '')
