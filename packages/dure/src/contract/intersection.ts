/** What is of two types at once. */
import { REFINEMENTS } from './refinements.ts'
import type { JsonSchema } from './schema.ts'
import { makeType, opaque, type ObjectVariant, type Type, type Variant } from './type.ts'

/** As often as parts of intersections may meet inside each other. */
const DEEPEST = 4

/** What is of both: nothing, or one. */
export function intersection(a: Variant, b: Variant, depth: number = 0): readonly Variant[] {
  if (a === b) return [a]
  const entangled = [opaque({ allOf: [a.schema, b.schema] })]
  const [wide, narrow] = a.kind === 'unknown' || (a.kind === 'number' && b.kind === 'integer') ? [a, b] : [b, a]
  if (wide.kind === 'unknown' && !Object.keys(wide.schema).some(constrains)) return [narrow]
  if (a.kind === 'opaque' || b.kind === 'opaque') return entangled
  const fits = wide.kind === narrow.kind || wide.kind === 'unknown' || (wide.kind === 'number' && narrow.kind === 'integer')
  // Null is a literal as well.
  const both = wide.literal !== undefined && narrow.literal !== undefined
  if (!fits || (both && wide.literal !== narrow.literal)) return []
  if (both) return [narrow]
  const [literal, bounded] = narrow.literal === undefined ? [wide, narrow] : [narrow, wide]
  // Whether its one value is within the bounds of the other is not looked at here.
  if (literal.literal !== undefined)
    return Object.keys(bounded.schema).some((keyword) => keyword !== 'type' && constrains(keyword)) ? entangled : [literal]
  const schema = together(wide.schema, narrow.schema)
  if (schema === undefined) return entangled
  if (wide.kind === 'object' && narrow.kind === 'object') return [objectOfBoth(wide, narrow, schema, depth + 1)]
  const compound = wide.kind === 'array' || wide.kind === 'set' || wide.kind === 'map'
  if (compound && JSON.stringify(wide.schema) !== JSON.stringify(narrow.schema)) return entangled
  return [{ ...narrow, schema }]
}

function objectOfBoth(a: ObjectVariant, b: ObjectVariant, schema: JsonSchema, depth: number): ObjectVariant {
  const fields = new Map(a.fields)
  for (const [name, type] of b.fields) fields.set(name, fields.has(name) ? meeting(fields.get(name)!, type, depth) : type)
  const rest = a.rest && b.rest ? meeting(a.rest, b.rest, depth) : (a.rest ?? b.rest)
  return {
    kind: 'object',
    schema,
    fields,
    required: new Set([...a.required, ...b.required]),
    rest,
    closed: a.closed || b.closed,
  }
}

/** The type of values that are of both. */
function meeting(a: Type, b: Type, depth: number): Type {
  if (JSON.stringify(a.schema) === JSON.stringify(b.schema)) return a
  const schema = { allOf: [a.schema, b.schema] }
  return makeType({ schema, optional: a.optional && b.optional, shared: a.shared || b.shared }, () =>
    depth > DEEPEST
      ? [opaque(schema)]
      : a.variants.flatMap((one) => b.variants.flatMap((other) => intersection(one, other, depth))),
  )
}

/** Keywords that say something about values, but not what they are. */
const notes: ReadonlySet<string> = new Set(
  `description title default examples definitions deprecated readOnly id x-dure-type x-dure-optional x-dure-shared x-dure-tagged ${REFINEMENTS}`.split(
    ' ',
  ),
)
export const constrains = (keyword: string): boolean => !notes.has(keyword) && !keyword.startsWith('$')

/** Both of them may say it: what an object's fields are is said by their types, and all patterns hold. */
const mergeable: ReadonlySet<string> = new Set(['type', 'properties', 'required', 'additionalProperties', 'pattern', 'patterns'])

/** Keywords of both, if that can be said by keywords. */
function together(a: JsonSchema, b: JsonSchema): JsonSchema | undefined {
  for (const keyword of Object.keys(a).filter(constrains))
    if (keyword in b && !mergeable.has(keyword) && JSON.stringify(a[keyword]) !== JSON.stringify(b[keyword])) return undefined
  const { pattern: _, ...merged } = { ...a, ...b }
  return { ...merged, patterns: [...patternsOf(a), ...patternsOf(b)] }
}

/** Every pattern that a text must match. */
export function patternsOf(schema: JsonSchema): readonly string[] {
  if (Array.isArray(schema.patterns)) return schema.patterns as string[]
  return typeof schema.pattern === 'string' ? [schema.pattern] : []
}
