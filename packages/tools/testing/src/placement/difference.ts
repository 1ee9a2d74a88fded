/** Where two values differ: the place, and what stands there on each side. */
export type Difference = {
  /** `.lines[0].when`; empty for the value itself. */
  readonly path: string
  /** What differs, in words: `one is a Date, the other a string`. */
  readonly what: string
  readonly left: unknown
  readonly right: unknown
}

/**
 * `aside` names places that are not looked at further.
 *
 * Equality that sees everything a program could: classes, -0 and NaN, keys that are `undefined` and keys that are not
 * there, the order of keys, holes, frozenness left aside (nothing frozen travels).
 */
export function differenceOf(
  left: unknown,
  right: unknown,
  path: string = '',
  aside: (path: string) => boolean = () => false,
): Difference | undefined {
  const differ = (what: string): Difference | undefined => (aside(path) ? undefined : { path, what, left, right })
  if (Object.is(left, right)) return undefined
  const [a, b] = [kindOf(left), kindOf(right)]
  if (a !== b) return differ(`${a} and ${b}`)
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

type Aside = (path: string) => boolean

function inEntries(left: readonly unknown[], right: readonly unknown[], path: string, aside: Aside): Difference | undefined {
  if (left.length !== right.length)
    return aside(path) ? undefined : { path, what: `${left.length} and ${right.length} entries`, left, right }
  for (let i = 0; i < left.length; i++) {
    const found = differenceOf(left[i], right[i], `${path}[${i}]`, aside)
    if (found !== undefined) return found
  }
  return undefined
}

function inFields(left: Fields, right: Fields, path: string, aside: Aside): Difference | undefined {
  const isList = Array.isArray(left)
  if (isList && left.length !== right['length'])
    return aside(path) ? undefined : { path, what: `${left.length} and ${String(right['length'])} items`, left, right }
  const [ours, theirs] = [Object.keys(left), Object.keys(right)]
  const placeOf = (key: string): string => (isList ? `${path}[${key}]` : `${path}.${key}`)
  for (const key of ours) {
    if (Object.hasOwn(right, key)) {
      const found = differenceOf(left[key], right[key], placeOf(key), aside)
      if (found !== undefined) return found
    } else if (!aside(placeOf(key)))
      return { path: placeOf(key), what: 'one is there, the other is not', left: left[key], right: 'not there' }
  }
  const extra = theirs.find((key) => !Object.hasOwn(left, key) && !aside(placeOf(key)))
  if (extra !== undefined)
    return { path: placeOf(extra), what: 'one is not there, the other is', left: 'not there', right: right[extra] }
  if (ours.length === theirs.length && ours.some((key, at) => key !== theirs[at]) && !aside(path))
    return { path, what: 'the order of keys', left: ours, right: theirs }
  return undefined
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null
  if (prototype === null) return 'an object without a prototype'
  return prototype.constructor?.name ?? 'an object of no class'
}
