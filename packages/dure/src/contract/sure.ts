/**
 * A quick "surely of the wire type system" for values that their schema has already accepted.
 *
 * What a schema has checked (that a leaf is a string or a number) need not be looked at again; left to see is
 * that objects and arrays are plain ones, and that no key came along which the schema does not know.
 */
import { isSchema } from './keywords.ts'

export type Sure = (value: unknown) => boolean

/** Undefined where only the whole walk can tell: `unknown` positions, unions, maps, recursive schemas, optional keys, … */
export function sureOf(schema: unknown): Sure | undefined {
  if (!isSchema(schema) || Object.keys(schema).some((key) => key.startsWith('x-dure-'))) return undefined
  switch (schema['type']) {
    case 'string':
    case 'number':
    case 'integer':
    case 'boolean':
      return leaf
    case 'array':
      return schema['prefixItems'] === undefined ? arrayOf(schema['items']) : undefined
    case 'object':
      return objectOf(schema)
    default:
      return undefined
  }
}

const leaf: Sure = (value) => typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol'

function arrayOf(items: unknown): Sure | undefined {
  const inside = sureOf(items)
  if (inside === undefined) return undefined
  return (value) => {
    if (!Array.isArray(value) || Object.getPrototypeOf(value) !== Array.prototype) return false
    for (let i = 0; i < value.length; i++) if (!inside(value[i])) return false
    return true
  }
}

function objectOf(schema: Readonly<Record<string, unknown>>): Sure | undefined {
  const { properties, required, additionalProperties = false } = schema
  const keys = isSchema(properties) ? Object.keys(properties) : []
  // With every key required, as many keys as there are known ones means that there is no other.
  if (additionalProperties !== false || !Array.isArray(required) || required.length !== keys.length) return undefined
  const nested: { readonly key: string; readonly inside: Sure }[] = []
  for (const key of keys) {
    const inside = sureOf((properties as Readonly<Record<string, unknown>>)[key])
    if (inside === undefined) return undefined
    if (inside !== leaf) nested.push({ key, inside })
  }
  return (value) => {
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false
    if (Object.keys(value).length !== keys.length) return false
    for (let i = 0; i < nested.length; i++) {
      const { key, inside } = nested[i]!
      if (!inside((value as Record<string, unknown>)[key])) return false
    }
    return true
  }
}
