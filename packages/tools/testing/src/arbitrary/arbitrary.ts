/**
 * Values of a contract's own schemas, generated: whatever the library they are written in, because they are read from
 * the JSON Schema (with `x-dure-type` where JSON has no word) that the contract draws of them.
 *
 * A generated value is nearly always right. Refinements and transforms cannot be drawn, so now and then one is not:
 * whoever needs only right ones parses them first.
 */
import fc from 'fast-check'
import { type AnySchema, type JsonSchema, type Side } from 'dure/contract'
import { wireOf } from 'dure/contract/internal'
import { anything } from './anything.ts'
import { decimals, wholes } from './numbers.ts'
import { texts } from './texts.ts'

export { copyOf } from './copy.ts'
export { wrongOf } from './wrong.ts'

/**
 * An arbitrary of what a schema takes (`input`) or gives (`output`). No schema: `undefined`.
 * @throws {TypeError} when the schema has a position that cannot travel; `contract` refuses those earlier
 */
export function arbitraryOf(schema: AnySchema | undefined, side: Side = 'input'): fc.Arbitrary<unknown> {
  if (schema === undefined) return fc.constant(undefined)
  return arbitraryOfJson(wireOf(schema, side).jsonSchema)
}

/** The same, of a JSON Schema as contracts draw it. */
export function arbitraryOfJson(root: JsonSchema): fc.Arbitrary<unknown> {
  // A schema that contains itself is unrolled a few times: each level reads its references with a reader of its own.
  const levels: { read: Reader; known: Map<string, fc.Arbitrary<unknown>> }[] = []
  const level = (at: number): (typeof levels)[number] =>
    (levels[at] ??= { known: new Map(), read: createReader((ref) => follow(ref, at + 1), at >= DEEPEST) })
  const follow = (ref: string, at: number): fc.Arbitrary<unknown> => {
    // Nothing ends here unless it cannot end at all.
    if (at > 2 * DEEPEST) return fc.constant(null)
    const { known, read } = level(at)
    const found = known.get(ref) ?? read(resolve(root, ref))
    known.set(ref, found)
    return found
  }
  return level(0).read(root)
}

type Reader = (schema: unknown) => fc.Arbitrary<unknown>

/** References inside references, at most, where something else will do. */
const DEEPEST = 3
const FEW = 4

/** `shallow`: wherever a reference can be avoided, it is. */
function createReader(tie: (ref: string) => fc.Arbitrary<unknown>, shallow: boolean): Reader {
  const read: Reader = (schema) => {
    if (schema === true || !isSchema(schema)) return anything()
    const wire = schema['x-dure-type']
    if (typeof wire === 'string') return special(schema, wire)
    if (typeof schema['$ref'] === 'string') return tie(schema['$ref'])
    const alternatives = schema['anyOf'] ?? schema['oneOf']
    if (Array.isArray(alternatives)) return oneOf(alternatives)
    if (Array.isArray(schema['allOf'])) return all(schema)
    if (schema['const'] !== undefined) return fc.constant(schema['const'])
    if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]))
    const types = Array.isArray(schema['type']) ? (schema['type'] as unknown[]) : [schema['type']]
    return types.length === 1 ? typed(schema, types[0]) : fc.oneof(...types.map((type) => typed(schema, type)))
  }

  const avoided = (schema: unknown): boolean => shallow && refers(schema)

  const typed = (schema: JsonSchema, type: unknown): fc.Arbitrary<unknown> => {
    switch (type) {
      case 'string':
        return texts(schema)
      case 'integer':
        return wholes(schema)
      case 'number':
        return decimals(schema)
      case 'boolean':
        return fc.boolean()
      case 'null':
        return fc.constant(null)
      case 'array':
        return array(schema)
      case 'object':
        return object(schema)
      default:
        return schema['properties'] === undefined ? anything() : object(schema)
    }
  }

  const special = (schema: JsonSchema, wire: string): fc.Arbitrary<unknown> => {
    switch (wire) {
      case 'date': {
        const [min, max] = [schema['x-dure-minimum'], schema['x-dure-maximum']].map((text) =>
          typeof text === 'string' ? new Date(text) : undefined,
        )
        return fc.date({ noInvalidDate: true, ...(min && { min }), ...(max && { max }) })
      }
      case 'bigint': {
        if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as string[]).map(BigInt))
        const [min, max] = [schema['x-dure-minimum'], schema['x-dure-maximum']].map((text) =>
          typeof text === 'string' ? BigInt(text) : undefined,
        )
        return fc.bigInt({ ...(min !== undefined && { min }), ...(max !== undefined && { max }) })
      }
      case 'bytes':
        // A Buffer is a Uint8Array, and comes out of most of Node's own functions.
        return fc.oneof(
          fc.uint8Array({ maxLength: 16 }),
          fc.uint8Array({ maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
        )
      case 'set':
        return many(schema['items'] ?? true, read, schema).map((items) => new Set(items))
      case 'map': {
        const pair = (schema['items'] as JsonSchema | undefined)?.['prefixItems'] as readonly unknown[] | undefined
        const both = (): fc.Arbitrary<[unknown, unknown]> => fc.tuple(read(pair?.[0] ?? true), read(pair?.[1] ?? true))
        return many(pair, both, schema).map((pairs) => new Map(pairs))
      }
      case 'undefined':
        return fc.constant(undefined)
      default:
        // What coerces draws what it makes beside that it takes anything.
        return schema['type'] === undefined
          ? anything()
          : fc.oneof(anything(), typed(schema, Array.isArray(schema['type']) ? schema['type'][0] : schema['type']))
    }
  }

  const oneOf = (alternatives: readonly unknown[]): fc.Arbitrary<unknown> => {
    const simple = alternatives.filter((each) => !avoided(each))
    return fc.oneof(...(simple.length > 0 ? simple : alternatives).map(read))
  }

  const all = (schema: JsonSchema): fc.Arbitrary<unknown> => {
    const { allOf, ...own } = schema
    const parts = [...(Object.keys(own).length > 0 ? [own] : []), ...(allOf as unknown[])]
    return fc
      .tuple(...parts.map(read))
      .map((values) => (values.every(isSchema) ? Object.assign({}, ...values) : values[0]) as unknown)
  }

  const many = <T>(item: unknown, make: (item: unknown) => fc.Arbitrary<T>, schema: JsonSchema): fc.Arbitrary<T[]> => {
    const minLength = Number(schema['minItems'] ?? 0)
    if (minLength === 0 && avoided(item)) return fc.constant([])
    return fc.array(make(item), { minLength, maxLength: Math.min(Number(schema['maxItems'] ?? Infinity), minLength + FEW) })
  }

  const array = (schema: JsonSchema): fc.Arbitrary<unknown> => {
    const first = Array.isArray(schema['prefixItems']) ? (schema['prefixItems'] as unknown[]).map(read) : []
    if (first.length === 0) return many(schema['items'] ?? true, read, schema)
    const rest = schema['items'] === undefined || schema['items'] === false ? undefined : read(schema['items'])
    if (rest === undefined) return fc.tuple(...first)
    return fc.tuple(fc.tuple(...first), fc.array(rest, { maxLength: FEW })).map(([a, b]) => [...a, ...b])
  }

  const object = (schema: JsonSchema): fc.Arbitrary<unknown> => {
    const properties = Object.entries((schema['properties'] ?? {}) as JsonSchema)
    const required = new Set((schema['required'] ?? []) as readonly string[])
    const fields = properties.flatMap(([key, part]) => {
      if (required.has(key)) return [read(part).map((value) => [key, value] as const)]
      return avoided(part) ? [] : [optional(key, read(part))]
    })
    const named = fc.tuple(...fields).map((entries) => objectFrom(entries.filter((entry) => entry !== undefined)))
    const extra = Object.values((schema['patternProperties'] ?? {}) as JsonSchema)[0] ?? schema['additionalProperties']
    if (extra === undefined || typeof extra === 'boolean' || avoided(extra)) return named
    const names = Object.keys((schema['patternProperties'] ?? {}) as JsonSchema).map((pattern) => texts({ pattern }))[0]
    const key = names ?? (isSchema(schema['propertyNames']) ? read(schema['propertyNames']) : keys)
    const others = fc.array(fc.tuple(key.map(String), read(extra)), { maxLength: FEW })
    const taken = new Set(properties.map(([name]) => name))
    return fc
      .tuple(named, others)
      .map(([value, more]) => objectFrom([...Object.entries(value), ...more.filter(([name]) => !taken.has(name))]))
  }

  return read
}

/** A key that may be absent: there, not there, or there and `undefined`. */
function optional(key: string, value: fc.Arbitrary<unknown>): fc.Arbitrary<readonly [string, unknown] | undefined> {
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 5, arbitrary: value.map((each) => [key, each] as const) },
    { weight: 1, arbitrary: fc.constant([key, undefined] as const) },
  )
}

/** Names that lead astray where objects are used as dictionaries; `__proto__`, which Zod drops, is refused. */
const keys: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom('constructor', 'toString', '1', 'length', '$dure', ''),
)

/** Object.fromEntries keeps a key called __proto__ a key. */
function objectFrom(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  return Object.fromEntries(entries)
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refers(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(refers)
  return isSchema(value) && (typeof value['$ref'] === 'string' || Object.values(value).some(refers))
}

/** What a local reference (`#/$defs/Money`) points at. */
function resolve(root: JsonSchema, ref: string): unknown {
  let at: unknown = root
  for (const step of ref.slice(1).split('/').slice(1)) {
    const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
    at = (at as Readonly<Record<string, unknown>> | undefined)?.[key]
  }
  return at
}
