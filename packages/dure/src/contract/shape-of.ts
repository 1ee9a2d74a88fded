/**
 * Compiles shapes from annotated JSON Schema, so that every schema library is served alike. Where alternatives
 * cannot be told apart by their JSON form, the position falls back to `unknown`, whose tagged form is always exact.
 */
import { isSchema, literalsOf, resolve, typesOf } from './keywords.ts'
import { merge, same, type Category, type Shape } from './shape.ts'
import type { JsonSchema } from './schema.ts'

const plain: Shape = { kind: 'plain' }
const unknown: Shape = { kind: 'unknown' }

export function shapeOf(root: JsonSchema): Shape {
  const refs = new Map<string, { shape: Shape | undefined }>()
  return shape(root)

  function shape(schema: unknown): Shape {
    if (schema === true) return unknown
    if (!isSchema(schema)) return plain
    const bare = bareShape(schema)
    if (schema['x-dure-shared'] !== true && schema['x-dure-optional'] !== true) return bare
    return {
      ...bare,
      shared: schema['x-dure-shared'] === true || bare.shared,
      optional: schema['x-dure-optional'] === true || bare.optional,
    }
  }

  function bareShape(schema: JsonSchema): Shape {
    if (typeof schema['x-dure-type'] === 'string') return special(schema, schema['x-dure-type'])
    if (typeof schema.$ref === 'string') return reference(schema.$ref)
    const alternatives = (schema.anyOf ?? schema.oneOf) as unknown
    if (Array.isArray(alternatives)) return union(alternatives)
    if (Array.isArray(schema.allOf) && schema.allOf.some((part) => isSchema(part) && describes(part)))
      return all([...(describes({ ...schema, allOf: undefined }) ? [{ ...schema, allOf: undefined }] : []), ...schema.allOf])
    if (schema.const !== undefined || Array.isArray(schema.enum) || schema.not !== undefined) return scalar(schema)
    const types = typesOf(schema)
    if (types.length === 0) return unknown
    if (types.includes('object') && types.includes('array'))
      return {
        kind: 'union',
        cases: { object: object(schema), array: array(schema), string: plain, number: { kind: 'number' }, boolean: plain },
      }
    if (types.includes('object')) return withScalars(types, 'object', object(schema))
    if (types.includes('array')) return withScalars(types, 'array', array(schema))
    return scalar(schema)
  }

  function special(schema: JsonSchema, type: string): Shape {
    switch (type) {
      case 'date':
      case 'bigint':
        return { kind: type }
      case 'undefined':
        return { kind: 'undefined', optional: true }
      case 'bytes':
        return { kind: 'bytes', buffer: schema['x-dure-class'] === 'Buffer' }
      case 'set':
        return { kind: 'set', items: shape(schema.items) }
      case 'map': {
        const pair = (schema.items as JsonSchema | undefined)?.prefixItems as readonly unknown[] | undefined
        return { kind: 'map', key: shape(pair?.[0] ?? true), value: shape(pair?.[1] ?? true) }
      }
      default:
        return unknown
    }
  }

  function reference(ref: string): Shape {
    let known = refs.get(ref)
    if (known === undefined) {
      known = { shape: undefined }
      refs.set(ref, known)
      known.shape = shape(resolve(root, ref))
      return known.shape
    }
    const { shape: done } = known
    // Still being compiled: a recursive schema, which the codecs follow when a value leads there.
    return done ?? { kind: 'ref', target: () => refs.get(ref)?.shape ?? unknown }
  }

  function array(schema: JsonSchema): Shape {
    const prefix = ((schema.prefixItems as readonly unknown[] | undefined) ?? []).map((item) => shape(item))
    const items = schema.items === undefined ? (prefix.length > 0 ? plain : unknown) : shape(schema.items)
    return { kind: 'array', items, prefix }
  }

  function object(schema: JsonSchema): Shape {
    const properties = new Map(
      Object.entries((schema.properties as JsonSchema | undefined) ?? {}).map(([key, value]) => [key, shape(value)]),
    )
    const required = (schema.required as readonly string[] | undefined) ?? []
    const undefinable = required.filter((key) => properties.get(key)?.optional === true)
    const patterns = schema.patternProperties as JsonSchema | undefined
    const extra = schema.additionalProperties
    if (patterns !== undefined) {
      const rest = Object.values(patterns).map((value) => shape(value))
      return {
        kind: 'object',
        properties,
        rest: rest.length === 1 && isSchema(extra) === false ? rest[0] : unknown,
        closed: false,
        undefinable,
      }
    }
    return {
      kind: 'object',
      properties,
      rest: extra === undefined || extra === false ? undefined : shape(extra),
      closed: extra === false,
      undefinable,
    }
  }

  function union(alternatives: readonly unknown[]): Shape {
    const given = alternatives.filter((each) => !(isSchema(each) && each.type === 'null'))
    const shapes = given.map((each) => shape(each))
    const optional =
      shapes.some((each) => each.optional === true) ||
      alternatives.some((each) => isSchema(each) && each['x-dure-optional'] === true)
    const shared = shapes.some((each) => each.shared === true)
    const flags = { ...(optional && { optional }), ...(shared && { shared }) }
    const left = given.map((schema, at) => ({ schema, shape: shapes[at]! })).filter((each) => each.shape.kind !== 'undefined')
    if (left.length === 0) return { ...plain, ...flags }
    if (left.length === 1) return { ...left[0]!.shape, ...flags }
    const cases: Partial<Record<Category, Shape>> = {}
    const objects: { schema: unknown; shape: Shape }[] = []
    for (const each of left) {
      for (const [category, part] of categories(each.schema, each.shape)) {
        if (category === undefined) return { ...unknown, ...flags }
        if (category === 'object') objects.push({ schema: each.schema, shape: part })
        else {
          const other = cases[category]
          const both = other === undefined ? part : same(other, part)
          if (both === undefined) return { ...unknown, ...flags }
          cases[category] = both
        }
      }
    }
    if (objects.length > 0) {
      const both = objects.length === 1 ? objects[0]!.shape : (merge(objects.map((each) => each.shape)) ?? discriminated(objects))
      if (both === undefined) return { ...unknown, ...flags }
      cases.object = both
    }
    const only = Object.values(cases)
    return only.length === 1 ? { ...only[0]!, ...flags } : { kind: 'union', cases, ...flags }
  }

  /** What an alternative looks like from outside; undefined when that cannot be said. */
  function categories(schema: unknown, found: Shape): readonly (readonly [Category | undefined, Shape])[] {
    switch (found.kind) {
      case 'date':
      case 'bigint':
      case 'bytes':
        return [['string', found]]
      case 'number':
        return [['number', found]]
      case 'array':
      case 'map':
      case 'set':
        return [['array', found]]
      case 'object':
      case 'choice':
        return [['object', found]]
      case 'union':
        return Object.entries(found.cases) as [Category, Shape][]
      case 'ref': {
        const target = follow(schema)
        const types = target === undefined ? [] : typesOf(target)
        return types.length === 1 && (types[0] === 'object' || types[0] === 'array') ? [[types[0], found]] : [[undefined, found]]
      }
      case 'plain':
        return scalarTypes(follow(schema) ?? {}).map((type) => [type, found])
      default:
        return [[undefined, found]]
    }
  }

  function follow(schema: unknown): JsonSchema | undefined {
    let at: unknown = schema
    for (let hops = 0; hops < 16; hops++) {
      if (!isSchema(at)) return undefined
      if (typeof at.$ref !== 'string') return at
      at = resolve(root, at.$ref)
    }
    return undefined
  }

  /** Alternatives that a property with one literal each tells apart. */
  function discriminated(objects: readonly { schema: unknown; shape: Shape }[]): Shape | undefined {
    const schemas = objects.map((each) => follow(each.schema)?.properties as JsonSchema | undefined)
    for (const by of Object.keys(schemas[0] ?? {})) {
      const cases = new Map<unknown, Shape>()
      const told = schemas.every((properties, at) => {
        const literals =
          isSchema(properties?.[by]) && properties[by]['x-dure-type'] === undefined ? literalsOf(properties[by]) : []
        for (const literal of literals) {
          if (cases.has(literal)) return false
          cases.set(literal, objects[at]!.shape)
        }
        return literals.length > 0
      })
      if (told) return { kind: 'choice', by, cases }
    }
    return undefined
  }

  function all(parts: readonly unknown[]): Shape {
    const shapes = parts.filter((part) => isSchema(part) && describes(part)).map((part) => shape(part))
    return shapes.length === 1
      ? shapes[0]!
      : (shapes.reduce<Shape | undefined>((a, b) => a && same(a, b), shapes[0]) ?? merge(shapes) ?? unknown)
  }
}

function withScalars(types: readonly string[], category: Category, shape: Shape): Shape {
  const others = types.filter((type) => type !== category && type !== 'null')
  if (others.length === 0) return shape
  return { kind: 'union', cases: { string: plain, number: { kind: 'number' }, boolean: plain, [category]: shape } }
}

// -0 is the one number that JSON.stringify changes.
function scalar(schema: JsonSchema): Shape {
  if (schema.const !== undefined || Array.isArray(schema.enum)) {
    return literalsOf(schema).some((each) => each === 0) ? { kind: 'number' } : plain
  }
  const types = typesOf(schema)
  if (!types.includes('number') && !types.includes('integer')) return plain
  const above = Number(schema.minimum) > 0 || Number(schema.exclusiveMinimum) >= 0
  const below = Number(schema.maximum) < 0 || Number(schema.exclusiveMaximum) <= 0
  return above || below ? plain : { kind: 'number' }
}

function scalarTypes(schema: JsonSchema): readonly (Category | undefined)[] {
  const types = new Set<string>(typesOf(schema))
  for (const literal of literalsOf(schema)) types.add(typeof literal)
  types.delete('null')
  if (types.size === 0) return schema.not === undefined ? [undefined] : []
  return [...types].map((type) =>
    type === 'integer' ? 'number' : type === 'string' || type === 'number' || type === 'boolean' ? type : undefined,
  )
}

/** Whether a part of an `allOf` says what the value is, not only how it is bounded. */
function describes(schema: JsonSchema): boolean {
  return ['x-dure-type', '$ref', 'anyOf', 'oneOf', 'allOf', 'const', 'enum', 'type', 'properties'].some(
    (keyword) => schema[keyword] !== undefined,
  )
}
