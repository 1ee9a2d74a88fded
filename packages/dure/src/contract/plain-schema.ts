/** JSON Schema as anybody writes it (drafts 6 to 2020-12), in the words that `typeOf` reads, so that it can be compared. */
import { isSchema, mapSchemas, resolve, without } from './keywords.ts'
import type { JsonSchema } from './schema.ts'

/** Marks what cannot be said in those words: it fits itself alone. */
export const OPAQUE = 'x-dure-opaque'

/**
 * The same schema, each part of one type, with what that type does not look at left out. What an object does not name its writer does
 * not write, unless `additionalProperties` says so: then a field that comes later breaks nobody.
 * @throws {TypeError} when a reference leads out of the document, or nowhere
 */
export function plainSchema(document: JsonSchema | boolean): JsonSchema {
  if (typeof document === 'boolean') return document ? {} : NEVER
  mapSchemas(document, (schema) => {
    for (const keyword of ['$ref', '$dynamicRef', '$recursiveRef'])
      if (typeof schema[keyword] === 'string' && (keyword !== '$ref' || resolve(document, schema[keyword]) === undefined))
        throw new TypeError(
          `"${keyword}": "${schema[keyword]}" leads nowhere in the schema; it must refer to a place in the same one`,
        )
    return schema
  })
  return mapSchemas(tuples(document), (schema) => plain(schema, document))
}

const NEVER: JsonSchema = { not: {} }
const KINDS = ['object', 'array', 'string', 'number', 'boolean', 'null'] as const

/** What is looked at in values of one type. */
const LOOKED_AT: Readonly<Record<string, readonly string[]>> = {
  string: ['minLength', 'maxLength', 'pattern', 'format', 'contentEncoding', 'contentMediaType'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  object: [
    'properties',
    'required',
    'additionalProperties',
    'patternProperties',
    'propertyNames',
    'minProperties',
    'maxProperties',
  ],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems'],
}
const lookedAt = (kind: string): readonly string[] => LOOKED_AT[kind === 'integer' ? 'number' : kind] ?? []
const OWN: ReadonlySet<string> = new Set(['type', 'const', 'enum', ...Object.values(LOOKED_AT).flat()])
const COMBINED: ReadonlySet<string> = new Set(['allOf', 'anyOf', 'oneOf', '$ref'])
const NOTES: ReadonlySet<string> = new Set(
  '$schema $id $comment $defs definitions title description default examples deprecated readOnly writeOnly id'.split(' '),
)
const isNote = (keyword: string): boolean =>
  NOTES.has(keyword) || (keyword.startsWith('x-') && keyword !== OPAQUE && keyword !== 'x-dure-type')

/** Tuples as 2020-12 says them; nothing after the last one is a bound of their length. */
function tuples(document: JsonSchema): JsonSchema {
  return mapSchemas(document, (schema) => {
    const { items, additionalItems, ...others } = schema
    const made = Array.isArray(items)
      ? { ...others, prefixItems: items, ...(additionalItems !== undefined && { items: additionalItems }) }
      : without(schema, (keyword) => keyword === 'additionalItems')
    const rest = (made as JsonSchema).items
    if (rest !== false) return made
    const most = ((made as JsonSchema).prefixItems as readonly unknown[] | undefined)?.length ?? 0
    return { ...made, maxItems: Math.min(most, Number(others.maxItems ?? Infinity)) }
  })
}

function plain(schema: JsonSchema, root: JsonSchema): JsonSchema {
  // Values that JSON does not know are said by their type alone.
  if (schema['x-dure-type'] !== undefined) return schema
  const notes = without(schema, (keyword) => !isNote(keyword))
  const said = without(schema, isNote)
  const opaque = { ...notes, [OPAQUE]: said }
  if (Object.keys(said).length === 0) return schema
  if (said.not !== undefined) return isNothing(said.not) ? { ...notes, ...NEVER } : opaque
  if (Object.keys(said).some((keyword) => !OWN.has(keyword) && !COMBINED.has(keyword))) return opaque
  const own = ownPart(without(said, (keyword) => !OWN.has(keyword)))
  const parts: JsonSchema[] = own === undefined ? [] : [own]
  if (said.$ref !== undefined) parts.push({ $ref: said.$ref })
  if (Array.isArray(said.allOf)) parts.push(...(said.allOf as unknown[]).map(asSchema))
  if (Array.isArray(said.anyOf)) parts.push({ anyOf: (said.anyOf as unknown[]).map(asSchema) })
  if (Array.isArray(said.oneOf)) {
    const each = (said.oneOf as unknown[]).map(asSchema)
    // One and no other: the same as any of them only where no two can hold at once.
    if (!each.every((a, at) => each.slice(at + 1).every((b) => exclude(a, b, root)))) return opaque
    parts.push({ anyOf: each })
  }
  if (parts.some((part) => part[OPAQUE] !== undefined)) return opaque
  if (parts.length === 1) return { ...notes, ...parts[0] }
  // What one of them refuses another one may name: only together they say what an object has.
  const naming = parts.filter((part) => /"(?:properties|\$ref)":/.test(JSON.stringify(part))).length
  const refuses = (part: unknown): boolean => /"(?:additionalProperties|patternProperties)":/.test(JSON.stringify(part))
  if (naming > 1 && (parts.some(refuses) || refuses(root))) return opaque
  return { ...notes, allOf: parts }
}

/** Of its own keywords: one schema for each type, each with what is looked at there. Undefined when they say nothing. */
function ownPart(own: JsonSchema): JsonSchema | undefined {
  if (Object.keys(own).length === 0) return undefined
  const types = (own.type === undefined ? KINDS : [own.type].flat()) as readonly string[]
  if (own.const !== undefined || own.enum !== undefined) {
    if (Object.keys(own).some((keyword) => !['type', 'const', 'enum'].includes(keyword))) return { [OPAQUE]: own }
    if (own.const !== undefined && own.enum !== undefined) return { [OPAQUE]: own }
    const values = (own.const === undefined ? own.enum : [own.const]) as readonly unknown[]
    return { enum: values.filter((value) => types.some((type) => isOf(value, type))) }
  }
  const of = (type: string): JsonSchema => {
    const seen = without(
      own,
      (keyword, value) => !lookedAt(type).includes(keyword) || (keyword === 'uniqueItems' && value === false),
    )
    // Names by a pattern beside others: which of them a name is of cannot be said.
    const entangled = seen.patternProperties !== undefined && (seen.properties ?? seen.additionalProperties) !== undefined
    return entangled ? { [OPAQUE]: own } : { type, ...textForm(seen) }
  }
  const each = types.map(of)
  if (each.some((one) => one[OPAQUE] !== undefined)) return { [OPAQUE]: own }
  return each.length === 1 ? each[0] : { anyOf: each }
}

/** Of a schema of Dure's own a format says what its pattern checks; of anybody else's both count. */
function textForm({ format, pattern, ...others }: JsonSchema): JsonSchema {
  if (format === undefined || pattern === undefined)
    return { ...others, ...(format !== undefined && { format }), ...(pattern !== undefined && { pattern }) }
  return { ...others, format: `${String(format)} of pattern ${String(pattern)}` }
}

const asSchema = (value: unknown): JsonSchema => (isSchema(value) ? value : value === false ? NEVER : {})
const isNothing = (value: unknown): boolean => value === true || (isSchema(value) && Object.keys(value).every(isNote))

function isOf(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  return type === 'object' ? isSchema(value) : typeof value === type
}

/** Whether no value is of both: of other types, other constants, or objects that both need a field by which they are told apart. */
function exclude(a: JsonSchema, b: JsonSchema, root: JsonSchema, depth: number = 0): boolean {
  if (depth > 8) return false
  const [one, other] = [a, b].map((each) => (typeof each.$ref === 'string' ? asSchema(resolve(root, each.$ref)) : each)) as [
    JsonSchema,
    JsonSchema,
  ]
  if (one !== a || other !== b) return exclude(one, other, root, depth + 1)
  const [these, those] = [one, other].map((each) => each.enum ?? (each.const === undefined ? undefined : [each.const])) as [
    readonly unknown[] | undefined,
    readonly unknown[] | undefined,
  ]
  const text = (value: unknown): string => JSON.stringify(value)
  if (these !== undefined && those !== undefined) return !these.some((value) => those.map(text).includes(text(value)))
  const kinds = (schema: JsonSchema, values: readonly unknown[] | undefined): readonly string[] => {
    if (values !== undefined) return KINDS.filter((kind) => values.some((value) => isOf(value, kind)))
    return schema.type === undefined
      ? KINDS
      : ([schema.type].flat() as string[]).map((kind) => (kind === 'integer' ? 'number' : kind))
  }
  const theirs = kinds(other, those)
  const both = kinds(one, these).filter((kind) => theirs.includes(kind))
  if (both.length === 0) return true
  if (both.some((kind) => kind !== 'object')) return false
  const field = (schema: JsonSchema, name: string): JsonSchema => asSchema((schema.properties as JsonSchema | undefined)?.[name])
  const needed = (schema: JsonSchema): readonly string[] => (Array.isArray(schema.required) ? (schema.required as string[]) : [])
  return needed(one).some(
    (name) => needed(other).includes(name) && exclude(field(one, name), field(other, name), root, depth + 1),
  )
}
