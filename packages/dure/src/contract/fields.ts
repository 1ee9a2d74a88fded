/** The fields of an object, whichever way its schema says them: directly, by reference, as variants or as parts. */
import { isSchema, resolve } from './keywords.ts'
import type { JsonSchema } from './schema.ts'

export type Field = {
  readonly schema: unknown
  /** In every variant. */
  readonly required: boolean
  /** Can be written as one piece of text: no object, no list. */
  readonly single: boolean
  /** A list of such pieces. */
  readonly list: boolean
}

/** Undefined when the schema is not that of an object. */
export function fieldsOf(root: JsonSchema, schema: unknown = root, depth: number = 0): ReadonlyMap<string, Field> | undefined {
  if (!isSchema(schema) || depth > 16 || schema['x-dure-type'] !== undefined) return undefined
  if (typeof schema.$ref === 'string') return fieldsOf(root, resolve(root, schema.$ref), depth + 1)
  const variants = (schema.anyOf ?? schema.oneOf) as unknown
  const parts = (schema.allOf ?? []) as readonly unknown[]
  const inside = (each: unknown): ReadonlyMap<string, Field> | undefined => fieldsOf(root, each, depth + 1)
  const own = schema.type === 'object' || schema.properties !== undefined ? ownFields(root, schema) : undefined
  const maps = [...(own ? [own] : []), ...parts.map(inside).filter((each) => each !== undefined)]
  if (Array.isArray(variants)) {
    const each = variants.map(inside)
    if (each.some((map) => map === undefined)) return undefined
    maps.push(variantFields(each as ReadonlyMap<string, Field>[]))
  }
  if (maps.length === 0) return undefined
  const fields = new Map<string, Field>()
  for (const map of maps)
    for (const [name, field] of map) {
      const other = fields.get(name)
      fields.set(
        name,
        other === undefined
          ? field
          : {
              schema: field.schema,
              required: other.required || field.required,
              single: other.single && field.single,
              list: other.list && field.list,
            },
      )
    }
  return fields
}

function ownFields(root: JsonSchema, schema: JsonSchema): ReadonlyMap<string, Field> {
  const required = new Set(Array.isArray(schema.required) ? (schema.required as string[]) : [])
  const properties = Object.entries((schema.properties as JsonSchema | undefined) ?? {})
  return new Map(
    properties.map(([name, part]) => [
      name,
      { schema: part, required: required.has(name), single: isSingle(root, part), list: isList(root, part) },
    ]),
  )
}

function variantFields(variants: readonly ReadonlyMap<string, Field>[]): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>()
  for (const variant of variants)
    for (const [name, field] of variant) {
      const other = fields.get(name)
      const required = variants.every((each) => each.get(name)?.required === true)
      const schemas = other === undefined ? [field.schema] : [...alternatives(other.schema), field.schema]
      const distinct = schemas.filter(
        (each, at) => schemas.findIndex((one) => JSON.stringify(one) === JSON.stringify(each)) === at,
      )
      fields.set(name, {
        schema: distinct.length === 1 ? distinct[0] : { anyOf: distinct },
        required,
        single: field.single && (other?.single ?? true),
        list: field.list && (other?.list ?? true),
      })
    }
  return fields
}

function alternatives(schema: unknown): readonly unknown[] {
  return isSchema(schema) && Array.isArray(schema.anyOf) && Object.keys(schema).length === 1 ? schema.anyOf : [schema]
}

function isSingle(root: JsonSchema, schema: unknown, depth: number = 0): boolean {
  if (!isSchema(schema) || depth > 16) return false
  if (typeof schema.$ref === 'string') return isSingle(root, resolve(root, schema.$ref), depth + 1)
  const types = Array.isArray(schema.type) ? (schema.type as unknown[]) : [schema.type]
  if (types.includes('object') || types.includes('array')) return false
  const variants = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((each) => (Array.isArray(each) ? (each as unknown[]) : []))
  return variants.every((each) => isSingle(root, each, depth + 1))
}

function isList(root: JsonSchema, schema: unknown): boolean {
  return isSchema(schema) && schema.type === 'array' && schema.prefixItems === undefined && isSingle(root, schema.items ?? {})
}
