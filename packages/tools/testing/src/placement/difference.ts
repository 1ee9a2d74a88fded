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
  const [some, others] = [sizeOf(left), sizeOf(right)]
  if (some !== others) return differ(`${some} and ${others} ${Array.isArray(left) ? 'items' : 'entries'}`)
  const [ours, theirs] = [partsOf(left), new Map(partsOf(right))]
  for (const [place, part] of ours) {
    if (theirs.has(place)) {
      const found = differenceOf(part, theirs.get(place), path + place, aside)
      if (found !== undefined) return found
    } else if (!aside(path + place, true))
      return { path: path + place, kinds: true, what: 'one is there, the other is not', left: part, right: 'not there' }
  }
  const known = new Set(ours.map(([place]) => place))
  const extra = [...theirs.keys()].find((place) => !known.has(place) && !aside(path + place, true))
  if (extra !== undefined)
    return {
      path: path + extra,
      kinds: true,
      what: 'one is not there, the other is',
      left: 'not there',
      right: theirs.get(extra),
    }
  const order = [...theirs.keys()]
  if (ours.length !== order.length || ours.every(([place], at) => place === order[at]) || aside(path, false)) return undefined
  return { path, kinds: false, what: 'the order of keys', left: Object.keys(left), right: Object.keys(right) }
}

/** Places that may differ: in value, and, where `kinds` is asked for, in kind as well. */
export type Aside = (path: string, kinds: boolean) => boolean

/** The parts of a list, map, set or object, each with its place. */
function partsOf(value: object): readonly (readonly [place: string, part: unknown])[] {
  if (value instanceof Set) return [...value].map((part, at) => [`{}[${at}]`, part])
  if (value instanceof Map)
    return [...(value as Map<unknown, unknown>)].flatMap(([key, part], at) => [
      [`{key}[${at}]`, key],
      [`{}[${at}]`, part],
    ])
  const isList = Array.isArray(value)
  return Object.entries(value).map(([key, part]) => [isList ? `[${key}]` : `.${key}`, part as unknown])
}

function sizeOf(value: object): number | undefined {
  return value instanceof Map || value instanceof Set ? value.size : Array.isArray(value) ? value.length : undefined
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null
  if (prototype === null) return 'an object without a prototype'
  return prototype.constructor?.name ?? 'an object of no class'
}
