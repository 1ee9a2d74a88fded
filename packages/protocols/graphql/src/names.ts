import { pascal } from 'dure/contract/internal'

/** `orders`, `place` → `ordersPlace` */
export function camel(...words: readonly string[]): string {
  const name = pascal(...words)
  return name.charAt(0).toLowerCase() + name.slice(1)
}

const NAME = /^[_A-Za-z][_0-9A-Za-z]*$/

/** Names of GraphQL for words that may be none, unlike among themselves; words that are names keep them. */
export function namesFor(words: readonly string[], taken: ReadonlySet<string> = new Set()): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  const used = new Set(taken)
  const give = (word: string, name: string): void => {
    let own = name
    for (let n = 2; used.has(own); n++) own = `${name}_${n}`
    used.add(own)
    names.set(word, own)
  }
  // Those that are names first, so that none of them has to give way.
  const plain = (word: string): boolean => NAME.test(word) && !word.startsWith('__')
  for (const word of words) if (plain(word)) give(word, word)
  for (const word of words)
    if (!plain(word))
      give(
        word,
        word
          .replace(/^_+/, '')
          .replaceAll(/\W/g, '_')
          .replace(/^(?=\d|$)/, '_'),
      )
  return names
}
