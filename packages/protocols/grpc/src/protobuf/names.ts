/** Names as protobuf writes them. */
import { pascal } from 'dure/contract/internal'

/** `fooBar`, `Foo-bar` → `foo_bar`; what is no letter or digit of ASCII is left out. */
export function snake(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .toLowerCase()
}

/** A name in the document for each of several; those that would be alike, or none, end with their number. */
export function fieldNames(names: readonly string[], numberOf: (name: string) => number): ReadonlyMap<string, string> {
  const wished = new Map(names.map((name) => [name, /^[a-z]/.test(snake(name)) ? snake(name) : `f_${snake(name)}`]))
  // `foo_bar` and `fooBar` are one name in JSON, so both count as one.
  const alike = (text: string): string => text.replaceAll('_', '')
  const counts = new Map<string, number>()
  for (const text of wished.values()) counts.set(alike(text), (counts.get(alike(text)) ?? 0) + 1)
  const unlike = (name: string, text: string): string =>
    counts.get(alike(text)) === 1 && text !== 'f_' ? text : `${text.replace(/_$/, '')}_n${numberOf(name)}`
  return new Map(Array.from(wished, ([name, text]) => [name, unlike(name, text)]))
}

export type Names = {
  /** The name of a type of the contract. */
  readonly own: (name: string) => string
  /** A name that nothing has yet. */
  readonly free: (wished: string) => string
  readonly pascal: (name: string) => string
}

export function createNames(own: Iterable<string>): Names {
  const identifier = (name: string): string => (/^[A-Za-z]\w*$/.test(name) ? name : `Type${name.replaceAll(/\W/g, '')}`)
  const given = new Map<string, string>()
  const taken = new Set<string>()
  const free = (wished: string): string => {
    const base = identifier(wished)
    let name = base
    for (let n = 2; taken.has(name); n++) name = `${base}${n}`
    taken.add(name)
    return name
  }
  for (const name of own) given.set(name, free(name))
  return { own: (name) => given.get(name)!, free, pascal: (name) => pascal(snake(name)) }
}
