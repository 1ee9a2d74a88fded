/**
 * Values of a contract's own schemas, generated: whatever the library they are written in, because they are made of the
 * types that the contract reads of them.
 *
 * A generated value is nearly always right. Refinements and transforms cannot be read, so now and then one is not:
 * whoever needs only right ones parses them first.
 */
import fc from 'fast-check'
import { type AnySchema, type JsonSchema, type Side } from 'dure/contract'
import { typeOf, wireOf, type ArrayVariant, type ObjectVariant, type Type, type Variant } from 'dure/contract/internal'
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
  return ofType(typeOf(wireOf(schema, side).jsonSchema))
}

/** Types inside types that may contain themselves, at most, where something else will do. */
const DEEPEST = 3
const FEW = 4

function ofType(root: Type): fc.Arbitrary<unknown> {
  const loops = loopFinder()
  const known = new Map<readonly Variant[], fc.Arbitrary<unknown>[]>()
  return make(root, 0)

  /** Of one that may contain itself there is an arbitrary for each depth, and the deepest ends. */
  function make(type: Type, above: number): fc.Arbitrary<unknown> {
    const { variants } = type
    const depth = loops(type) ? above + 1 : above
    // Nothing ends here unless it cannot end at all.
    if (depth > 2 * DEEPEST) return fc.constant(null)
    const made = known.get(variants) ?? []
    known.set(variants, made)
    return (made[depth] ??= ofVariants(variants, depth))
  }

  function avoided(type: Type | undefined, depth: number): boolean {
    return depth > DEEPEST && type !== undefined && loops(type)
  }

  function ofVariants(variants: readonly Variant[], depth: number): fc.Arbitrary<unknown> {
    const ending = depth > DEEPEST ? variants.filter((each) => !partsOf(each).some(loops)) : variants
    const of = (ending.length > 0 ? ending : variants).map((each) => ofVariant(each, depth))
    return of.length === 1 ? of[0]! : fc.oneof(...of)
  }

  function ofVariant(variant: Variant, depth: number): fc.Arbitrary<unknown> {
    const { schema, literal } = variant
    if (literal !== undefined) return fc.constant(variant.kind === 'bigint' ? BigInt(String(literal)) : literal)
    switch (variant.kind) {
      case 'string':
        return texts(schema)
      case 'integer':
        return wholes(schema)
      case 'number':
        return decimals(schema)
      case 'boolean':
        return fc.boolean()
      case 'null':
      case 'undefined':
        return fc.constant(variant.kind === 'null' ? null : undefined)
      case 'date':
        return fc.date({ noInvalidDate: true, ...bounds(schema, (text) => new Date(text)) })
      case 'bigint':
        return fc.bigInt(bounds(schema, BigInt))
      case 'bytes':
        // A Buffer is a Uint8Array, and comes out of most of Node's own functions.
        return fc.oneof(bytes, bytes.map(Buffer.from))
      case 'array':
        return list(variant, depth)
      case 'set':
        return list(variant, depth).map((items) => new Set(items))
      case 'map': {
        const { key, value } = variant
        const pair = fc.tuple(make(key, depth), make(value, depth))
        return many(pair, schema, avoided(key, depth) || avoided(value, depth)).map((pairs) => new Map(pairs))
      }
      case 'object':
        return object(variant, depth)
      case 'opaque':
        return Array.isArray(schema['allOf']) ? make(typeOf(schema['allOf'][0] as JsonSchema), depth) : anything()
      case 'unknown':
        // What coerces draws what it makes beside that it takes anything.
        return schema['type'] === undefined
          ? anything()
          : fc.oneof(anything(), make(typeOf({ ...schema, 'x-dure-type': undefined }), depth))
    }
  }

  function list({ prefix, items, schema }: ArrayVariant, depth: number): fc.Arbitrary<unknown[]> {
    const first = prefix.map((each) => make(each, depth))
    if (items === undefined || (first.length > 0 && schema['items'] === undefined)) return fc.tuple(...first)
    const bounded = first.length === 0 ? schema : {}
    const rest = many(make(items, depth), bounded, avoided(items, depth))
    return first.length === 0 ? rest : fc.tuple(fc.tuple(...first), rest).map(([a, b]) => [...a, ...b])
  }

  function object({ fields, required, rest, schema }: ObjectVariant, depth: number): fc.Arbitrary<object> {
    const parts = [...fields].flatMap(([key, type]) => {
      if (required.has(key)) return [make(type, depth).map((value) => [key, value] as const)]
      return avoided(type, depth) ? [] : [optional(key, make(type, depth))]
    })
    const named = fc.tuple(...parts).map((entries) => entries.filter((entry) => entry !== undefined))
    if (rest === undefined || avoided(rest, depth)) return named.map(Object.fromEntries)
    const [pattern] = Object.keys((schema['patternProperties'] ?? {}) as JsonSchema)
    const names = schema['propertyNames'] as JsonSchema | undefined
    const key = pattern === undefined ? (names === undefined ? keys : make(typeOf(names), depth)) : texts({ pattern })
    const others = fc.array(fc.tuple(key.map(String), make(rest, depth)), { maxLength: FEW })
    return fc
      .tuple(named, others)
      .map(([own, more]) => Object.fromEntries([...own, ...more.filter(([name]) => !fields.has(name))]) as object)
  }
}

const bytes = fc.uint8Array({ maxLength: 16 })

function many<T>(item: fc.Arbitrary<T>, schema: JsonSchema, none: boolean): fc.Arbitrary<T[]> {
  const minLength = Number(schema['minItems'] ?? 0)
  const maxLength = Math.min(Number(schema['maxItems'] ?? Infinity), minLength + FEW)
  return none && minLength === 0 ? fc.constant([]) : fc.array(item, { minLength, maxLength })
}

function bounds<T>(schema: JsonSchema, read: (text: string) => T): { min?: T; max?: T } {
  const [min, max] = [schema['x-dure-minimum'], schema['x-dure-maximum']]
  return { ...(typeof min === 'string' && { min: read(min) }), ...(typeof max === 'string' && { max: read(max) }) }
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

/** Whether a type contains itself, or one that does. */
function loopFinder(): (type: Type) => boolean {
  const found = new Map<readonly Variant[], boolean>()
  const loops = ({ variants }: Type): boolean => {
    const known = found.get(variants)
    if (known !== undefined) return known
    // Met again on the way down: it does.
    found.set(variants, true)
    const does = variants.some((each) => partsOf(each).some(loops))
    found.set(variants, does)
    return does
  }
  return loops
}

function partsOf(variant: Variant): readonly Type[] {
  const parts =
    variant.kind === 'object'
      ? [...variant.fields.values(), variant.rest]
      : variant.kind === 'map'
        ? [variant.key, variant.value]
        : 'prefix' in variant
          ? [...variant.prefix, variant.items]
          : []
  return parts.filter((part) => part !== undefined)
}
