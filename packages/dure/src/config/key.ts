/** Flat keys: `a.b[0].c`, and in brackets whole what has dots of its own: `a[x.y]`. */

/** The key of a named part. */
export function keyAt(key: string, name: string): string {
  return key === '' || name.startsWith('[') ? `${key}${name}` : `${key}.${name}`
}

/** The most that a list may have. */
export const MOST_ITEMS = 10_000

/** Its parts, numbers where they are places in lists; undefined when it is no key. */
export function partsOf(key: string): readonly (string | number)[] | undefined {
  const parts: (string | number)[] = []
  let end = 0
  for (const found of key.matchAll(/\[([^[\]]*)\]|(^|\.)([^.[\]]+)/g)) {
    if (found.index !== end || (end === 0 && found[2] === '.')) return undefined
    end += found[0].length
    const [, bracketed, , plain] = found
    const part = bracketed ?? plain!
    if (bracketed !== undefined && /^(?:0|[1-9]\d{0,4})$/.test(bracketed) && Number(bracketed) < MOST_ITEMS)
      parts.push(Number(bracketed))
    else if (part === '' || part === '__proto__' || (bracketed !== undefined && /^\d+$/.test(bracketed))) return undefined
    else parts.push(part)
  }
  return end === key.length && parts.length > 0 ? parts : undefined
}

/** The list that it is in, the outermost one; undefined when it is in none. */
export function listOf(key: string): string | undefined {
  return /^(.+?)\[\d+\]/.exec(key)?.[1]
}

/** How it is compared where one of them is a variable's: `max-retries`, `maxRetries` and `MAX_RETRIES` are one. */
export function relaxed(key: string): string {
  return key.toLowerCase().replaceAll(/[-_]/g, '')
}
