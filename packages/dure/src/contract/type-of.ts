/** Reads the type of a JSON Schema. */
import { constrains, intersection } from './intersection.ts'
import { isFlagged, isSchema, resolve } from './keywords.ts'
import type { JsonSchema } from './schema.ts'
import { OPAQUE } from './plain-schema.ts'
import { makeType, opaque, type ObjectVariant, type Type, type Variant } from './type.ts'

/** More alternatives than that are not told apart. */
const MOST = 256
const anything: readonly Variant[] = [{ kind: 'unknown', schema: {} }]

export function typeOf(root: JsonSchema): Type {
  const types = new Map<unknown, Type>()
  return typeAt(root)

  function typeAt(schema: unknown): Type {
    let type = types.get(schema)
    if (type === undefined) {
      const [optional, shared] = [isFlagged(root, schema, 'x-dure-optional'), isFlagged(root, schema, 'x-dure-shared')]
      type = makeType({ schema: isSchema(schema) ? schema : {}, optional, shared }, () => variantsAt(schema))
      types.set(schema, type)
    }
    return type
  }

  function variantsAt(schema: unknown): readonly Variant[] {
    if (schema === true || schema === undefined) return anything
    if (!isSchema(schema) || schema.not !== undefined) return []
    if (schema[OPAQUE] !== undefined) return [opaque(schema[OPAQUE] as JsonSchema)]
    if (typeof schema['x-dure-type'] === 'string') return wireVariants(schema, schema['x-dure-type'])
    if (typeof schema.$ref === 'string') return typeAt(resolve(root, schema.$ref)).variants
    const { anyOf, oneOf, allOf, ...own } = schema
    const alternatives = anyOf ?? oneOf
    const parts: (readonly Variant[])[] = []
    if (Array.isArray(alternatives)) parts.push(alternatives.flatMap((each) => typeAt(each).variants))
    if (Array.isArray(allOf)) parts.push(...allOf.map((each) => typeAt(each).variants))
    if (parts.length === 0 || Object.keys(own).some(constrains)) parts.unshift(ownVariants(own))
    return parts.reduce((a, b) => {
      const both = a.flatMap((one) => b.flatMap((other) => intersection(one, other)))
      return both.length > MOST ? [opaque(schema)] : both
    })
  }

  function wireVariants(schema: JsonSchema, kind: string): readonly Variant[] {
    switch (kind) {
      case 'map': {
        const pair = (schema.items as JsonSchema | undefined)?.prefixItems as readonly unknown[] | undefined
        return [{ kind, schema, key: typeAt(pair?.[0]), value: typeAt(pair?.[1]) }]
      }
      case 'set':
        return [{ kind, schema, prefix: [], items: typeAt(schema.items) }]
      case 'bigint':
        if (Array.isArray(schema.enum)) return (schema.enum as string[]).map((literal) => ({ kind, schema, literal }))
        return [{ kind, schema }]
      case 'date':
      case 'bytes':
      case 'undefined':
        return [{ kind, schema }]
      default:
        return [{ kind: 'unknown', schema }]
    }
  }

  function ownVariants(schema: JsonSchema): readonly Variant[] {
    const literals = schema.const !== undefined ? [schema.const] : schema.enum
    if (Array.isArray(literals))
      return literals.map((literal: string | number | boolean | object | null) =>
        typeof literal === 'object' && literal !== null
          ? opaque({ const: literal })
          : { kind: literal === null ? 'null' : (typeof literal as 'string'), schema: {}, literal },
      )
    const kinds = schema.type === undefined ? [schema.properties === undefined ? 'unknown' : 'object'] : [schema.type].flat()
    return (kinds as Variant['kind'][]).map((kind): Variant => {
      if (kind === 'object') return objectVariant(schema)
      if (kind !== 'array') return { kind: kind as 'string', schema, ...(kind === 'null' && { literal: null }) }
      const prefix = ((schema.prefixItems as readonly unknown[] | undefined) ?? []).map(typeAt)
      return { kind, schema, prefix, items: schema.items === false ? undefined : typeAt(schema.items) }
    })
  }

  function objectVariant(schema: JsonSchema): ObjectVariant {
    const fields = new Map(
      Object.entries((schema.properties as JsonSchema | undefined) ?? {}).map(([name, part]) => [name, typeAt(part)]),
    )
    const required = new Set(schema.required as readonly string[] | undefined)
    const others = schema.additionalProperties
    const patterns = Object.values((schema.patternProperties as JsonSchema | undefined) ?? {})
    if (patterns.length > 0) {
      const rest = typeAt(patterns.length === 1 && !isSchema(others) ? patterns[0] : true)
      return { kind: 'object', schema, fields, required, rest, closed: false }
    }
    const rest = others === undefined || others === false ? undefined : typeAt(others)
    return { kind: 'object', schema, fields, required, rest, closed: others === false }
  }
}
