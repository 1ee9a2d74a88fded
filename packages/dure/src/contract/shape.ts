/** What the codecs need to know of a schema: where the positions are that JSON cannot hold. */

export type Shape = {
  /** The value may be shared with the schema itself or frozen (a default, a readonly): copy all of it. */
  readonly shared?: boolean
  /** May be `undefined` where JSON has no absence: in arrays, maps and sets. */
  readonly optional?: boolean
} & (
  | { readonly kind: 'plain' | 'number' | 'date' | 'bigint' | 'undefined' | 'unknown' }
  | { readonly kind: 'bytes'; readonly buffer: boolean }
  | { readonly kind: 'array'; readonly items: Shape; readonly prefix: readonly Shape[] }
  | {
      readonly kind: 'object'
      readonly properties: ReadonlyMap<string, Shape>
      /** Of keys that are not named; undefined when the schema drops or refuses them. */
      readonly rest: Shape | undefined
      /** No other keys are ever there. */
      readonly closed: boolean
      /** Keys that must be there and may be `undefined`, which JSON leaves out. */
      readonly undefinable: readonly string[]
    }
  | { readonly kind: 'map'; readonly key: Shape; readonly value: Shape }
  | { readonly kind: 'set'; readonly items: Shape }
  | { readonly kind: 'union'; readonly cases: Readonly<Partial<Record<Category, Shape>>> }
  | { readonly kind: 'choice'; readonly by: string; readonly cases: ReadonlyMap<unknown, Shape> }
  | { readonly kind: 'ref'; readonly target: () => Shape }
)

/** What a JSON form looks like from outside: alternatives of different categories can be told apart. */
export type Category = 'string' | 'number' | 'boolean' | 'array' | 'object'

/** The shapes directly inside one; of a reference, where it leads. */
export function partsOf(shape: Shape): readonly Shape[] {
  switch (shape.kind) {
    case 'array':
      return [shape.items, ...shape.prefix]
    case 'object':
      return [...shape.properties.values(), ...(shape.rest ? [shape.rest] : [])]
    case 'map':
      return [shape.key, shape.value]
    case 'set':
      return [shape.items]
    case 'union':
      return Object.values(shape.cases)
    case 'choice':
      return [...shape.cases.values()]
    case 'ref':
      return [shape.target()]
    default:
      return []
  }
}

/** Whether a shape, or one inside it, is such; recursive shapes are entered once. */
export function some(shape: Shape, such: (shape: Shape) => boolean, seen: Set<Shape> = new Set()): boolean {
  if (seen.has(shape)) return false
  seen.add(shape)
  return such(shape) || partsOf(shape).some((part) => some(part, such, seen))
}

/** One shape that serves for both, when there is one. */
export function same(a: Shape, b: Shape): Shape | undefined {
  if (a === b) return a
  const flags = { ...((a.shared || b.shared) && { shared: true }), ...((a.optional || b.optional) && { optional: true }) }
  if (a.kind === 'object' && b.kind === 'object') return merge([a, b])
  if (a.kind === 'array' && b.kind === 'array' && a.prefix.length === 0 && b.prefix.length === 0) {
    const items = same(a.items, b.items)
    return items && { kind: 'array', items, prefix: [], ...flags }
  }
  if ((a.kind === 'number' && b.kind === 'plain') || (a.kind === 'plain' && b.kind === 'number'))
    return { kind: 'number', ...flags }
  if (a.kind !== b.kind) return undefined
  if (a.kind === 'bytes' && b.kind === 'bytes') return a.buffer === b.buffer ? { ...a, ...flags } : undefined
  return a.kind === 'plain' || a.kind === 'number' || a.kind === 'date' || a.kind === 'bigint' || a.kind === 'unknown'
    ? { ...a, ...flags }
    : undefined
}

/** Objects whose shared keys mean the same can be told apart by nobody and need not be. */
export function merge(shapes: readonly Shape[]): Shape | undefined {
  const properties = new Map<string, Shape>()
  let rest: Shape | undefined
  let closed = true
  let undefinable: readonly string[] | undefined
  for (const each of shapes) {
    if (each.kind !== 'object') return undefined
    if (each.rest !== undefined) {
      rest = rest === undefined ? each.rest : same(rest, each.rest)
      if (rest === undefined) return undefined
    }
    closed &&= each.closed
    // A key that only one alternative has would be one too many in the others.
    undefinable = undefinable === undefined ? each.undefinable : undefinable.filter((key) => each.undefinable.includes(key))
    for (const [key, value] of each.properties) {
      const other = properties.get(key)
      const both = other === undefined ? value : same(other, value)
      if (both === undefined) return undefined
      properties.set(key, both)
    }
  }
  // A key that one alternative names and another leaves open would be read in two ways.
  if (rest !== undefined && shapes.length > 1)
    for (const each of shapes)
      for (const [key, value] of properties)
        if (
          each.kind === 'object' &&
          each.rest !== undefined &&
          !each.properties.has(key) &&
          same(value, each.rest) === undefined
        )
          return undefined
  return {
    kind: 'object',
    properties,
    rest,
    closed,
    undefinable: undefinable ?? [],
    ...(shapes.some((each) => each.shared) && { shared: true }),
  }
}
