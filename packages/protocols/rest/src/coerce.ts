import { isKept } from './fault.ts'
import { isSchema, resolveReference } from './strict.ts'
import type { JsonSchema } from './strict.ts'

/** Turns what a path or query holds (always text) into the JSON form of a field. */
export type Coercion = (text: string | readonly string[]) => unknown

/**
 * Compiles the way from text to JSON for one field. Text that does not fit is handed on as it is, so that
 * the contract's own validation is the one to refuse it. Lists are written by repeating the name: `?id=1&id=2`.
 */
export function coercion(root: JsonSchema, field: unknown): Coercion {
  const types = new Set<string>()
  const items: unknown[] = []
  gather(root, field, types, items, 0)
  const one = scalar(types)
  if (!types.has('array')) return (text) => (typeof text === 'string' ? one(text) : text)
  const itemCoercion = coercion(root, items[0])
  const each = (text: string): unknown => itemCoercion(text)
  return (text) => (typeof text === 'string' ? [each(text)] : text.map(each))
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

function scalar(types: ReadonlySet<string>): (text: string) => unknown {
  // Text is text wherever text is welcome; dates, bigints and bytes have a text form of their own.
  if (types.has('string')) return (text) => text
  const numeric = types.has('number') || types.has('integer')
  const boolean = types.has('boolean')
  return (text) => {
    // One with more digits than a double keeps would arrive as another one.
    if (numeric && NUMBER.test(text) && isKept(text)) return Number(text)
    if (boolean && (text === 'true' || text === 'false')) return text === 'true'
    return text
  }
}

function gather(root: JsonSchema, schema: unknown, types: Set<string>, items: unknown[], depth: number): void {
  if (!isSchema(schema) || depth > 8) return
  for (const type of [schema['type']].flat()) if (typeof type === 'string') types.add(type)
  const values = 'const' in schema ? [schema['const']] : Array.isArray(schema['enum']) ? schema['enum'] : []
  for (const value of values) types.add(Array.isArray(value) ? 'array' : typeof value)
  if (schema['items'] !== undefined) items.push(schema['items'])
  if (typeof schema['$ref'] === 'string') gather(root, resolveReference(root, schema['$ref']), types, items, depth + 1)
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    const list = schema[keyword]
    if (Array.isArray(list)) for (const part of list) gather(root, part, types, items, depth + 1)
  }
}
