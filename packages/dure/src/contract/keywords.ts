/** Reading JSON Schema: what its keywords hold, and where a reference leads. */
import type { JsonSchema } from './schema.ts'

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a schema carries a mark: itself, or where it refers to, or one of its alternatives. */
export function isFlagged(root: JsonSchema, schema: unknown, mark: string, depth: number = 0): boolean {
  if (!isSchema(schema) || depth > 16) return false
  const inside = (each: unknown): boolean => isFlagged(root, each, mark, depth + 1)
  const alternatives = (schema.anyOf ?? schema.oneOf) as unknown
  if (schema[mark] === true || (Array.isArray(alternatives) && alternatives.some(inside))) return true
  return typeof schema.$ref === 'string' && inside(resolve(root, schema.$ref))
}

/** Whether `undefined` is a value of it: what is not there at all. */
export const mayBeUndefined = (schema: unknown): boolean => isSchema(schema) && isFlagged(schema, schema, 'x-dure-optional')

/** The schema a local reference (`#/$defs/Money`) points at. */
export function resolve(root: JsonSchema, ref: string): unknown {
  if (ref === '#') return root
  if (!ref.startsWith('#/')) return undefined
  let at: unknown = root
  for (const step of ref.slice(2).split('/'))
    at =
      isSchema(at) || Array.isArray(at)
        ? (at as JsonSchema)[decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')]
        : undefined
  return at
}

/** The schema with every schema inside it, innermost first, put through `change`. Data in it (defaults, constants) is left alone. */
export function mapSchemas(schema: JsonSchema, change: (schema: JsonSchema) => JsonSchema): JsonSchema {
  const inside = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(inside) : isSchema(value) ? mapSchemas(value, change) : value
  // Object.fromEntries keeps a key called __proto__ a key.
  const entries = Object.entries(schema).map(([key, value]): [string, unknown] => {
    if (data.has(key)) return [key, value]
    if (!byName.has(key) || !isSchema(value)) return [key, inside(value)]
    return [key, Object.fromEntries(Object.entries(value).map(([name, part]) => [name, inside(part)]))]
  })
  return change(Object.fromEntries(entries))
}

/** Keywords whose value is data: nothing in it is a schema. */
const data: ReadonlySet<string> = new Set(['default', 'const', 'enum', 'examples', 'required'])
/** Keywords whose value gives a schema for each name. */
const byName: ReadonlySet<string> = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'])

/** Without some keywords. */
export function without(schema: JsonSchema, drop: (keyword: string, value: unknown) => boolean): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([keyword, value]) => !drop(keyword, value)))
}

/** Each of them once. */
export const unlike = (schemas: readonly unknown[]): readonly unknown[] => [
  ...new Map(schemas.map((each) => [JSON.stringify(each), each])).values(),
]
