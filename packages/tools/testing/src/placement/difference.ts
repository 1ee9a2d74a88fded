/** Where two values differ: the place, and what stands there on each side. */
export type Difference = {
  /** `.lines[0].when`; empty for the value itself. */
  readonly path: string
  /** Whether what stands there is not even of one kind. */
  readonly kinds: boolean
  /** What differs, in words: `one is a Date, the other a string`. */
  readonly what: string
  readonly left: unknown
  readonly right: unknown
}

/**
 * Equality that sees everything a program could: classes, -0 and NaN, keys that are `undefined` and keys that are not
 * there, the order of keys, holes, frozenness left aside (nothing frozen travels).
 */
export function differenceOf(
  left: unknown,
  right: unknown,
  path: string = '',
  aside: Aside = () => false,
): Difference | undefined {
  const differ = (what: string, kinds = false): Difference | undefined =>
    aside(path, kinds) ? undefined : { path, kinds, what, left, right }
  if (Object.is(left, right)) return undefined
  const [a, b] = [kindOf(left), kindOf(right)]
  if (a !== b) return differ(`${a} and ${b}`, true)
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null)
    return differ(`two values of kind ${a}`)
  if (left instanceof Date) return left.getTime() === (right as Date).getTime() ? undefined : differ('two moments')
  if (left instanceof Uint8Array)
    return Buffer.from(left).equals(Buffer.from(right as Uint8Array)) ? undefined : differ('different bytes')
  if (left instanceof Map)
    return (
      inEntries([...left.keys()], [...(right as Map<unknown, unknown>).keys()], `${path}{key}`, aside) ??
      inEntries([...left.values()], [...(right as Map<unknown, unknown>).values()], `${path}{}`, aside)
    )
  if (left instanceof Set) return inEntries([...left], [...(right as Set<unknown>)], `${path}{}`, aside)
  return inFields(left as Fields, right as Fields, path, aside)
}

type Fields = Readonly<Record<string, unknown>>

/** Places that may differ: in value, and, where `kinds` is asked for, in kind as well. */
export type Aside = (path: string, kinds: boolean) => boolean

function inEntries(left: readonly unknown[], right: readonly unknown[], path: string, aside: Aside): Difference | undefined {
  if (left.length !== right.length)
    return aside(path, false)
      ? undefined
      : { path, kinds: false, what: `${left.length} and ${right.length} entries`, left, right }
  for (let i = 0; i < left.length; i++) {
    const found = differenceOf(left[i], right[i], `${path}[${i}]`, aside)
    if (found !== undefined) return found
  }
  return undefined
}

function inFields(left: Fields, right: Fields, path: string, aside: Aside): Difference | undefined {
  const isList = Array.isArray(left)
  if (isList && left.length !== right['length'])
    return aside(path, false)
      ? undefined
      : { path, kinds: false, what: `${left.length} and ${String(right['length'])} items`, left, right }
  const [ours, theirs] = [Object.keys(left), Object.keys(right)]
  const placeOf = (key: string): string => (isList ? `${path}[${key}]` : `${path}.${key}`)
  for (const key of ours) {
    if (Object.hasOwn(right, key)) {
      const found = differenceOf(left[key], right[key], placeOf(key), aside)
      if (found !== undefined) return found
    } else if (!aside(placeOf(key), true))
      return { path: placeOf(key), kinds: true, what: 'one is there, the other is not', left: left[key], right: 'not there' }
  }
  const extra = theirs.find((key) => !Object.hasOwn(left, key) && !aside(placeOf(key), true))
  if (extra !== undefined)
    return { path: placeOf(extra), kinds: true, what: 'one is not there, the other is', left: 'not there', right: right[extra] }
  if (ours.length === theirs.length && ours.some((key, at) => key !== theirs[at]) && !aside(path, false))
    return { path, kinds: false, what: 'the order of keys', left: ours, right: theirs }
  return undefined
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null
  if (prototype === null) return 'an object without a prototype'
  return prototype.constructor?.name ?? 'an object of no class'
}
