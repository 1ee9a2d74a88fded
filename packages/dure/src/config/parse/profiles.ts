/** For which profiles something is, as Spring writes it: `prod`, `!prod`, `eu & (prod | staging)`. */

type Tokens = { readonly words: readonly string[]; at: number }

/**
 * Whether what is written for profiles is for the ones that are active. Of several one is enough.
 *
 * @example
 * ```ts
 * import { isForProfiles } from 'dure/config/parse'
 *
 * console.log(isForProfiles(['eu & !prod'], ['eu', 'test']), isForProfiles(['eu & !prod'], ['eu', 'prod'])) // → true false
 * ```
 */
export function isForProfiles(written: readonly string[], active: readonly string[]): boolean {
  return written.some((one) => readProfiles(one, (name) => active.includes(name)) === true)
}

/** Whether it can be read. */
export function isProfileExpression(text: string): boolean {
  return readProfiles(text, () => true) !== undefined
}

/** Undefined when it is no expression: Spring wants parentheses where `&` and `|` meet. */
function readProfiles(text: string, isActive: (name: string) => boolean): boolean | undefined {
  const words = text.match(/[!&|()]|[^\s!&|()]+/g) ?? []
  if (words.length > 100) return undefined
  const tokens = { words, at: 0 }
  const value = anyOf(tokens, isActive)
  return tokens.at === words.length ? value : undefined
}

function anyOf(tokens: Tokens, isActive: (name: string) => boolean): boolean | undefined {
  let value = one(tokens, isActive)
  const between = tokens.words[tokens.at]
  while ((between === '&' || between === '|') && tokens.words[tokens.at] === between) {
    tokens.at++
    const next = one(tokens, isActive)
    if (value === undefined || next === undefined) return undefined
    value = between === '&' ? value && next : value || next
  }
  return value
}

function one(tokens: Tokens, isActive: (name: string) => boolean): boolean | undefined {
  const word = tokens.words[tokens.at++]
  if (word === '!') {
    const value = one(tokens, isActive)
    return value === undefined ? undefined : !value
  }
  if (word === '(') {
    const value = anyOf(tokens, isActive)
    return tokens.words[tokens.at++] === ')' ? value : undefined
  }
  return word === undefined || /[&|)]/.test(word) ? undefined : isActive(word)
}
