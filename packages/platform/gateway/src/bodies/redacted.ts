/** A value as a log may have it: what its schema names, and nothing that the schema marks as somebody's own. */
import type { JsonSchema } from 'dure/contract'
import { isSchema, resolve } from 'dure/contract/internal'

/** Stands for what is marked, and for what the schema does not say. */
export const REDACTED = '[redacted]'
const [UNKNOWN, CUT] = ['[unknown]', '\u2026']
/** Characters of one text, of all of them and the names of fields together; items of a list; how deep. */
const [TEXT, ALL, ITEMS, DEPTH] = [256, 4_096, 32, 12]

/** What is left of the schemas that a value is of. */
type Left = { characters: number }

/**
 * Makes what reads values of a schema: a JSON value without what is marked in it, and cut where it is long. A mark on one of several alternatives hides
 * whichever it is.
 */
export function redactor(root: JsonSchema): (value: unknown) => unknown {
  return (value) => redacted([root], value, DEPTH, { characters: ALL })

  function redacted(given: readonly unknown[], value: unknown, depth: number, left: Left): unknown {
    const schemas = given.flatMap((each) => allOf(each, DEPTH))
    if (schemas.some(isMarked)) return REDACTED
    if (depth === 0 || left.characters <= 0) return CUT
    if (Array.isArray(value)) return list(schemas, value, depth - 1, left)
    if (typeof value === 'object' && value !== null) return fields(schemas, value, depth - 1, left)
    if (!schemas.some((schema) => isOf(schema, value))) return UNKNOWN
    if (typeof value !== 'string') return value
    const text = value.slice(0, Math.min(TEXT, left.characters))
    left.characters -= text.length
    return text.length < value.length ? text + CUT : text
  }

  function list(schemas: readonly JsonSchema[], value: readonly unknown[], depth: number, left: Left): unknown {
    const made: unknown[] = value.slice(0, ITEMS).map((each, i) => {
      const inside = schemas.flatMap(({ items, prefixItems }) => {
        const at: unknown = Array.isArray(prefixItems) && i < prefixItems.length ? prefixItems[i] : items
        return isSchema(at) ? [at] : []
      })
      return inside.length === 0 ? UNKNOWN : redacted(inside, each, depth, left)
    })
    return value.length > ITEMS ? [...made, CUT] : made
  }

  function fields(schemas: readonly JsonSchema[], value: object, depth: number, left: Left): unknown {
    const made: [string, unknown][] = []
    for (const [name, each] of Object.entries(value)) {
      const named = schemas.flatMap(({ properties }) =>
        isSchema(properties) && Object.hasOwn(properties, name) ? [properties[name]] : [],
      )
      const others = schemas.flatMap(({ additionalProperties, patternProperties }) => [
        ...(isSchema(additionalProperties) ? [additionalProperties] : []),
        ...(isSchema(patternProperties) ? Object.values(patternProperties) : []),
      ])
      const inside = named.length > 0 ? named : others
      // What nobody has named nobody has looked at.
      if (inside.length === 0 || name.length > TEXT || left.characters <= 0) continue
      left.characters -= name.length
      made.push([name, redacted(inside, each, depth, left)])
    }
    return Object.fromEntries(made)
  }

  /** It, where it leads to, and all that it is put together of. */
  function allOf(schema: unknown, depth: number): readonly JsonSchema[] {
    if (!isSchema(schema)) return []
    // Too deep to be known.
    if (depth === 0) return [{ 'x-secret': true }]
    const parts = [schema['anyOf'], schema['oneOf'], schema['allOf']].flatMap((each) =>
      Array.isArray(each) ? (each as unknown[]) : [],
    )
    const at = typeof schema['$ref'] === 'string' ? [resolve(root, schema['$ref'])] : []
    return [schema, ...[...at, ...parts].flatMap((each) => allOf(each, depth - 1))]
  }
}

/** Whether a text, a number, a truth or null is of the type that a schema says; it says none of what is of any. */
function isOf({ type, enum: some, const: one }: JsonSchema, value: unknown): boolean {
  if (Array.isArray(some)) return some.includes(value)
  if (one !== undefined) return one === value
  const types = (Array.isArray(type) ? type : [type]) as readonly unknown[]
  if (typeof value === 'number') return types.includes('number') || types.includes('integer')
  return types.includes(value === null ? 'null' : typeof value)
}

const isMarked = (schema: JsonSchema): boolean =>
  schema['x-personal'] === true || schema['x-secret'] === true || schema['writeOnly'] === true || schema['format'] === 'password'
