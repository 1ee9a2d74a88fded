/** A JSON Schema taken apart into the variants it allows, each with one type: what comparing needs. */
import { isSchema, resolve } from './keywords.ts'
import type { JsonSchema } from './schema.ts'

export type Variant = {
  /** JSON Schema's types, the wire types, `unknown`, and `opaque` for what cannot be taken apart. */
  readonly type: string
  readonly schema: JsonSchema
  /** The one value it allows, if it is one. */
  readonly literal?: string | number | boolean | null
}

/** The variants; what is too entangled to be taken apart comes out as one `opaque` variant. */
export function variantsOf(root: JsonSchema, schema: unknown, depth: number = 0): readonly Variant[] {
  if (schema === true || schema === undefined) return [{ type: 'unknown', schema: {} }]
  if (!isSchema(schema)) return []
  if (depth > 32) return [{ type: 'opaque', schema }]
  const inside = (each: unknown): readonly Variant[] => variantsOf(root, each, depth + 1)
  const wire = schema['x-dure-type']
  if (typeof wire === 'string') {
    if (wire === 'bigint' && Array.isArray(schema.enum))
      return (schema.enum as string[]).map((literal) => ({ type: wire, schema, literal }))
    return [{ type: wire, schema }]
  }
  if (typeof schema.$ref === 'string') return inside(resolve(root, schema.$ref))
  const alternatives = (schema.anyOf ?? schema.oneOf) as unknown
  const { anyOf: _anyOf, oneOf: _oneOf, allOf, ...own } = schema
  if (Array.isArray(allOf)) {
    const merged = [own, ...(allOf as unknown[])].reduce<JsonSchema | undefined>((a, b) => a && merge(a, targetOf(root, b)), {})
    if (merged === undefined || alternatives !== undefined) return [{ type: 'opaque', schema }]
    return inside(merged)
  }
  if (Array.isArray(alternatives)) {
    if (own.type !== undefined || own.properties !== undefined) return [{ type: 'opaque', schema }]
    return alternatives.flatMap(inside)
  }
  const literals =
    schema.const !== undefined ? [schema.const] : Array.isArray(schema.enum) ? (schema.enum as unknown[]) : undefined
  if (literals !== undefined)
    return literals.map((literal) =>
      typeof literal === 'object' && literal !== null
        ? { type: 'opaque', schema: { const: literal } }
        : { type: literal === null ? 'null' : typeof literal, schema: {}, literal: literal as string | number | boolean | null },
    )
  if (schema.not !== undefined) return []
  const types = Array.isArray(schema.type) ? (schema.type as string[]) : schema.type === undefined ? [] : [schema.type as string]
  if (types.length > 0) return types.map((type) => ({ type, schema, ...(type === 'null' && { literal: null }) }))
  return [{ type: schema.properties === undefined ? 'unknown' : 'object', schema }]
}

/** The schema itself, at the end of references. */
export function targetOf(root: JsonSchema, schema: unknown): JsonSchema | undefined {
  let at = schema
  for (let hops = 0; hops < 16; hops++) {
    if (!isSchema(at)) return undefined
    if (typeof at.$ref !== 'string') return at
    at = resolve(root, at.$ref)
  }
  return undefined
}

const mergeable = new Set([
  'type',
  'properties',
  'required',
  'additionalProperties',
  'description',
  'title',
  'format',
  'pattern',
  'patterns',
  'default',
  'x-dure-refinements',
])

/** Both at once, where that can be said as one schema. */
function merge(a: JsonSchema, b: JsonSchema | undefined): JsonSchema | undefined {
  if (b === undefined) return undefined
  if (Object.keys(a).length === 0) return b
  if (![...Object.keys(a), ...Object.keys(b)].every((key) => mergeable.has(key))) return undefined
  if (a.type !== undefined && b.type !== undefined && a.type !== b.type) return undefined
  const [left, right] = [a.properties as JsonSchema | undefined, b.properties as JsonSchema | undefined]
  if (left !== undefined && right !== undefined && Object.keys(right).some((key) => Object.hasOwn(left, key))) return undefined
  if (isSchema(a.additionalProperties) || isSchema(b.additionalProperties)) return undefined
  const merged: Record<string, unknown> = { ...a, ...b }
  if (left !== undefined || right !== undefined) merged.properties = { ...left, ...right }
  const required = [...((a.required as string[] | undefined) ?? []), ...((b.required as string[] | undefined) ?? [])]
  if (required.length > 0) merged.required = required
  merged.patterns = [...patternsOf(a), ...patternsOf(b)]
  delete merged.pattern
  return merged
}

/** Every pattern that a text must match. */
export function patternsOf(schema: JsonSchema): readonly string[] {
  if (Array.isArray(schema.patterns)) return schema.patterns as string[]
  return typeof schema.pattern === 'string' ? [schema.pattern] : []
}
