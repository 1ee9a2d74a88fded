/** Drawing a schema as JSON Schema, with `x-dure-type` where a position holds what JSON cannot. */
import { isSchema, mapSchemas, mayBeUndefined, resolve, unlike, without } from './keywords.ts'
import { REFINEMENTS, type Refinement } from './refinements.ts'
import type { AnySchema, JsonSchema, Misfit, Side } from './schema.ts'
import { shapeOf } from './shape-of.ts'
import { describeThrown } from './thrown.ts'
import { typeOf } from './type-of.ts'
import { checkWire, TAG } from './unknown.ts'
import { drawZod } from './zod.ts'
import { isZod } from './zod-schema.ts'

export type Drawing = {
  /** For documents and comparison. */
  readonly jsonSchema: JsonSchema
  /** The same with marks that only the codecs read. */
  readonly annotated: JsonSchema
  readonly problems: readonly Misfit[]
}

const drawings: Record<Side, WeakMap<AnySchema, Drawing>> = { input: new WeakMap(), output: new WeakMap() }

/** Never throws: what cannot be drawn is among the problems. */
export function drawing(schema: AnySchema, side: Side): Drawing {
  const known = drawings[side].get(schema)
  if (known !== undefined) return known
  const { annotated, problems } = isZod(schema) ? drawZod(schema, side) : drawOther(schema, side)
  const drawn: Drawing = { annotated, problems, jsonSchema: published(annotated, documentMarks) }
  drawings[side].set(schema, drawn)
  return drawn
}

/**
 * As documents show it: the JSON form, with what JSON Schema can say of it. Readers must take keys that they do not know yet,
 * so what comes out is not closed.
 */
export function shown(schema: AnySchema, side: Side): JsonSchema {
  const { annotated } = drawing(schema, side)
  const told = mapSchemas(annotated, (each) => (isMixed(each, annotated) ? tagged(each, annotated) : each))
  const document = published(mapSchemas(told, jsonForm), documentMarks)
  return side === 'input' ? document : opened(document)
}

/** Whether the codecs cannot tell the alternatives apart, and so read the tagged form (see shape-of.ts). */
function isMixed(schema: JsonSchema, root: JsonSchema): boolean {
  const alternatives = schema.anyOf ?? schema.oneOf
  if (!Array.isArray(alternatives) || schema['x-dure-type'] !== undefined) return false
  return (
    alternatives.some((each) => isSchema(each) && each['x-dure-tagged'] === true) ||
    shapeOf(typeOf({ ...schema, $defs: root.$defs })).kind === 'unknown'
  )
}

/** `{ "$dure": "date", "value": "…" }` for everything inside that JSON does not know. Recursive definitions are left alone. */
function tagged(schema: JsonSchema, root: JsonSchema, depth: number = 0): JsonSchema {
  const tag = (kind: string, value?: JsonSchema): JsonSchema => ({
    type: 'object',
    properties: { [TAG]: { const: kind }, ...(value !== undefined && { value }) },
    required: [TAG, ...(value === undefined ? [] : ['value'])],
  })
  const form = mapSchemas(schema, (each) => {
    const type = each['x-dure-type']
    if (typeof each.$ref === 'string' && depth < 4) {
      const target = resolve(root, each.$ref)
      return isSchema(target) && JSON.stringify(target).includes('"x-dure-type"') ? tagged(target, root, depth + 1) : each
    }
    if (typeof type !== 'string' || type === 'unknown') return each
    const plain = without(each, (keyword) => keyword === 'x-dure-type')
    if (type === 'undefined') return { ...tag(type), 'x-dure-optional': true }
    return tag(type, type === 'bytes' ? { ...plain, pattern: BASE64 } : plain)
  })
  return { ...form, 'x-dure-tagged': true }
}

function jsonForm({ [REFINEMENTS]: refinements, ...schema }: JsonSchema): JsonSchema {
  if (!Array.isArray(refinements)) return plainForm(schema)
  const told = (refinements as Refinement[]).filter(({ is }) => is === 'refinement').map(({ says = 'checked further' }) => says)
  return { ...plainForm(schema), ...(told.length > 0 && { 'x-dure-refined': told }) }
}

function plainForm(schema: JsonSchema): JsonSchema {
  const { properties, required, anyOf } = schema
  if (schema['x-dure-type'] === 'bytes') return { ...schema, pattern: BASE64 }
  if (schema['x-dure-type'] === 'undefined') return { ...schema, type: 'null' }
  const kinds = Array.isArray(schema.enum) ? [...new Set(schema.enum.map((each) => (each === null ? 'null' : typeof each)))] : []
  // An enumeration of several types, type by type: generators make one type of each.
  if (kinds.length > 1) {
    const of = (kind: string): unknown[] =>
      (schema.enum as unknown[]).filter((each) => (each === null ? 'null' : typeof each) === kind)
    return {
      ...without(schema, (keyword) => keyword === 'enum' || keyword === 'type'),
      anyOf: kinds.map((kind) => ({ type: kind, enum: of(kind) })),
    }
  }
  // No item comes after those of a tuple, and generators want to know of which type an item is.
  if (Array.isArray(schema.prefixItems) && !isSchema(schema.items))
    return { ...schema, items: { anyOf: unlike(schema.prefixItems) }, maxItems: schema.prefixItems.length }
  if (Array.isArray(anyOf)) {
    // Among alternatives `undefined` is no value in JSON: the key is left out.
    const there = anyOf.filter((each) => !isSchema(each) || each['x-dure-type'] !== 'undefined')
    if (there.length === anyOf.length) return schema
    const rest = without(schema, (keyword) => keyword === 'anyOf')
    return { ...rest, ...(there.length === 1 ? (there[0] as JsonSchema) : { anyOf: there }), 'x-dure-optional': true }
  }
  if (!isSchema(properties) || !Array.isArray(required)) return schema
  const needed = required.filter((name: string) => !mayBeUndefined(properties[name]))
  return { ...without(schema, (keyword) => keyword === 'required'), ...(needed.length > 0 && { required: needed }) }
}

const BASE64 = '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$'

/** Where keys that are not named are refused: said of every object that does not say otherwise, under names of its own. */
export function closed(root: JsonSchema): JsonSchema {
  const all = mapSchemas(root, (schema) => closedObject(schema, root))
  const definitions = (all.$defs ?? {}) as Readonly<Record<string, unknown>>
  const open = (root.$defs ?? {}) as JsonSchema
  const changed = Object.keys(definitions).filter((name) => JSON.stringify(definitions[name]) !== JSON.stringify(open[name]))
  const names = new Map(changed.map((name) => [`#/$defs/${name}`, `${name}Input`]))
  const renamed = mapSchemas(all, (each) => {
    const name = names.get(String(each.$ref))
    return name === undefined ? each : { ...each, $ref: `#/$defs/${name}` }
  })
  if (names.size === 0) return renamed
  const entries = Object.entries(renamed.$defs as JsonSchema)
  return { ...renamed, $defs: Object.fromEntries(entries.map(([name, body]) => [names.get(`#/$defs/${name}`) ?? name, body])) }
}

function closedObject(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const { allOf, properties, additionalProperties } = schema
  if (properties !== undefined && additionalProperties === undefined && allOf === undefined)
    return { ...schema, additionalProperties: false }
  if (!Array.isArray(allOf)) return schema
  // Each part names some of the keys: only together they can say which are not known.
  const parts = allOf.map((part: JsonSchema) => (typeof part.$ref === 'string' ? (resolve(root, part.$ref) as JsonSchema) : part))
  const told = parts.every((part) => part.properties !== undefined && (part.additionalProperties ?? false) === false)
  if (!told) return schema
  const open = parts.map((part) => without(part, (keyword) => keyword === 'additionalProperties'))
  return { ...schema, allOf: open, unevaluatedProperties: false }
}

/** Without the refusal of keys that are not named. */
export function opened(schema: JsonSchema): JsonSchema {
  return mapSchemas(schema, (each) => without(each, (keyword, value) => keyword === 'additionalProperties' && value === false))
}

/** Whether it is a schema at all, and if not, what to do about it. */
export function notASchema(schema: unknown): Omit<Misfit, 'where'> | undefined {
  const fix =
    'Use a schema that is a Standard Schema with JSON Schema output: Zod 4 (import from "zod", not "zod/mini"), ArkType 2.1.28 or later, or Valibot with toStandardJsonSchema of @valibot/to-json-schema'
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null)
    return {
      found: `${schema === null ? 'null' : typeof schema === 'object' ? 'an object' : `a ${typeof schema}`} is no schema`,
      fix,
    }
  const standard: unknown = (schema as { '~standard'?: unknown })['~standard']
  if (!isSchema(standard) || typeof standard.validate !== 'function')
    return { found: typeof schema === 'function' ? 'a function is no schema' : 'an object without "~standard" is no schema', fix }
  if (
    !isSchema(standard.jsonSchema) ||
    typeof standard.jsonSchema.input !== 'function' ||
    typeof standard.jsonSchema.output !== 'function'
  )
    return { found: `a schema of "${String(standard.vendor)}" that cannot draw itself as JSON Schema`, fix }
  return undefined
}

function drawOther(schema: AnySchema, side: Side): { annotated: JsonSchema; problems: Misfit[] } {
  const trouble = notASchema(schema)
  if (trouble !== undefined) return { annotated: {}, problems: [{ where: '', ...trouble }] }
  const { vendor, jsonSchema } = schema['~standard']
  try {
    const drawn = jsonSchema[side]({ target: 'draft-2020-12' })
    const trouble = checkWire(drawn)
    if (trouble !== undefined) throw new TypeError(trouble.message)
    const annotated: JsonSchema = structuredClone(drawn)
    return { annotated: { ...annotated, 'x-dure-optional': true }, problems: [] }
  } catch (error) {
    const found = `"${vendor}" cannot draw it as JSON Schema: ${describeThrown(error).message}`
    return {
      annotated: {},
      problems: [
        { where: '', found, fix: 'Use JSON types there, or Zod 4, whose dates, bigints, bytes, maps and sets Dure can draw' },
      ],
    }
  }
}

/** As descriptions keep it: a comparison must know where `undefined` may be. */
export function asDescribed(schema: AnySchema, side: Side): JsonSchema {
  return published(drawing(schema, side).annotated, descriptionMarks)
}

const descriptionMarks: ReadonlySet<string> = new Set(['x-dure-shared', 'x-dure-class', '$schema'])
const documentMarks: ReadonlySet<string> = new Set([...descriptionMarks, 'x-dure-optional', 'x-dure-tagged', REFINEMENTS])

/** Without the marks that only codecs read. */
function published(annotated: JsonSchema, marks: ReadonlySet<string>): JsonSchema {
  return mapSchemas(annotated, (each) => without(each, (keyword) => marks.has(keyword)))
}
