const NAME = /^[_A-Za-z][_0-9A-Za-z]*$/

/**
 * Names as most languages have them for words that may be none, unlike among themselves; words that are names keep them; those that
 * are `taken` get a line at their end, and two lines at the beginning, which most languages keep to themselves, are left out.
 */
export function identifiersFor(words: readonly string[], taken: ReadonlySet<string> = new Set()): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  const used = new Set(taken)
  const give = (word: string, name: string): void => {
    const base = taken.has(name) ? `${name}_` : name
    let own = base
    for (let n = 2; used.has(own); n++) own = `${base}${base.endsWith('_') ? '' : '_'}${n}`
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
