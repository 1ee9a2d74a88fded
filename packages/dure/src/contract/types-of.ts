/**
 * The named types of contracts: objects with their fields in order, enumerations, unions. Documents and codecs of protocols are drawn
 * from this table; none of them walks JSON Schema by itself.
 */
import { pascal } from './components.ts'
import type { AnyContract } from './definition.ts'
import { drawing } from './json-schema.ts'
import type { AnyOperation, ErrorTypes } from './operation.ts'
import type { AnySchema, JsonSchema, Side } from './schema.ts'
import { literalsTelling } from './telling.ts'
import { typeOf } from './type-of.ts'
import type { ArrayVariant, ObjectVariant, Type, Variant } from './type.ts'

/** What one piece of a value is on every wire. `int32`: an integer whose bounds fit in 32 bits. */
export type Scalar = 'string' | 'boolean' | 'int32' | 'int64' | 'double' | 'date' | 'bigint' | 'bytes'

/** A use of a type. `json`: anything that travels. `nothing`: no value. */
export type TypeRef = Bare & { readonly nullable: boolean }

type Bare =
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  | { readonly kind: 'list' | 'set'; readonly items: TypeRef }
  | { readonly kind: 'map'; readonly key: TypeRef; readonly value: TypeRef }
  /** An object whose keys are data. */
  | { readonly kind: 'record'; readonly value: TypeRef }
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'json' | 'nothing' }

export type NamedField = {
  readonly name: string
  readonly type: TypeRef
  /** May be absent. */
  readonly optional: boolean
  /** Where it is absent its value is undefined, and its key is there all the same. */
  readonly undefinable?: true
  readonly description: string | undefined
}

/** One way that a value of a union can be. */
export type UnionMember = {
  readonly name: string
  readonly type: TypeRef
  /** The field, and its one value, that tell it from the others; undefined when its kind or its fields must. */
  readonly tells: { readonly field: string; readonly value: string | number | boolean | null } | undefined
}

export type NamedType = { readonly name: string; readonly description: string | undefined } & (
  | { readonly kind: 'object'; readonly fields: readonly NamedField[] }
  /** A list whose items have places of their own: fields `item1`, `item2`, … */
  | { readonly kind: 'tuple'; readonly fields: readonly NamedField[] }
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'union'; readonly members: readonly UnionMember[] }
)

export type OperationTypes = {
  readonly contract: AnyContract
  readonly name: string
  readonly operation: AnyOperation
  readonly input: TypeRef
  /** What the caller of a channel sends. */
  readonly incoming: TypeRef
  readonly output: TypeRef
  readonly errors: readonly { readonly code: string; readonly data: TypeRef }[]
}

export type TypeTable = {
  readonly types: ReadonlyMap<string, NamedType>
  readonly operations: readonly OperationTypes[]
}

const NOTHING: TypeRef = { kind: 'nothing', nullable: false }

/** Takes the types of schemas into one table. Equal types of one name are one; others of that name get a number. */
export type TypeReader = {
  readonly types: ReadonlyMap<string, NamedType>
  /** @param hint what makes its name, where the schema has none */
  readonly read: (schema: JsonSchema | undefined, ...hint: readonly string[]) => TypeRef
}

export function typeReader(): TypeReader {
  const types = new Map<string, NamedType>()
  return {
    types,
    read: (schema, ...hint) => (schema === undefined ? NOTHING : settle(readTypes(typeOf(schema), pascal(...hint)), types)),
  }
}

/** Reads the types of contracts' operations. */
export function typesOf(contracts: readonly AnyContract[]): TypeTable {
  const reader = typeReader()
  const read = (schema: AnySchema | undefined, side: Side, ...hint: readonly string[]): TypeRef =>
    reader.read(schema && drawing(schema, side).annotated, ...hint)
  const operations = contracts.flatMap((contract) =>
    Object.entries(contract.operations as Readonly<Record<string, AnyOperation>>).map(([name, operation]): OperationTypes => {
      const errors = Object.values(operation.errors as ErrorTypes)
      return {
        ...{ contract, name, operation },
        input: read(operation.input, 'input', contract.name, name, 'input'),
        incoming: read(operation.incoming, 'input', contract.name, name, 'sent'),
        output: read(operation.output, 'output', contract.name, name, 'output'),
        errors: errors.map(({ code, data }) => ({ code, data: read(data, 'output', code.toLowerCase(), 'data') })),
      }
    }),
  )
  return { types: reader.types, operations }
}

type Found = { readonly ref: TypeRef; readonly named: ReadonlyMap<string, NamedType> }

/** The types of one schema, under names that are unlike among themselves. */
function readTypes(root: Type, hint: string): Found {
  const named = new Map<string, NamedType>()
  const known: { readonly variants: readonly Variant[]; readonly name: string }[] = []
  return { ref: refOf(root, hint), named }

  /** Of what has no key that could be absent: what may be undefined there is a value that only JSON with marks can say. */
  function partOf(type: Type, hint: string): TypeRef {
    return type.optional ? { kind: 'json', nullable: false } : refOf(type, hint)
  }

  function refOf(type: Type, hint: string): TypeRef {
    const own = nameIn(type.schema)
    const nullable = type.variants.some(({ kind }) => kind === 'null')
    const variants = type.variants.filter(({ kind }) => kind !== 'null' && kind !== 'undefined')
    return { ...refOfVariants(variants, { hint: own ?? hint, description: textOf(type.schema) }), nullable }
  }

  function refOfVariants(variants: readonly Variant[], as: As): Bare {
    const [first] = variants
    if (first === undefined) return { kind: 'nothing' }
    const scalar = scalarOf(variants)
    if (variants.every(({ kind, literal }) => kind === 'string' && literal !== undefined))
      return define(variants, as, (base) => ({ ...base, kind: 'enum', values: variants.map(({ literal }) => String(literal)) }))
    if (scalar !== undefined) return { kind: 'scalar', scalar }
    if (variants.some(({ kind }) => kind === 'unknown' || kind === 'opaque')) return { kind: 'json' }
    if (variants.length === 1) return refOfVariant(first, as)
    return define(variants, as, (base) => ({ ...base, kind: 'union', members: membersOf(variants, base.name) }))
  }

  function refOfVariant(variant: Variant, as: As): Bare {
    switch (variant.kind) {
      case 'object':
        if (variant.fields.size === 0 && variant.rest !== undefined)
          return { kind: 'record', value: partOf(variant.rest, `${as.hint}Value`) }
        // Keys beside the named ones have no name that a document could give them.
        if (variant.rest !== undefined) return { kind: 'json' }
        return define([variant], as, (base) => ({ ...base, kind: 'object', fields: fieldsOf(variant, base.name) }))
      case 'array':
      case 'set':
        if (variant.prefix.length > 0)
          return define([variant], as, (base) => ({ ...base, kind: 'tuple', fields: placesOf(variant, base.name) }))
        if (variant.items === undefined) return { kind: 'json' }
        return { kind: variant.kind === 'set' ? 'set' : 'list', items: partOf(variant.items, `${as.hint}Item`) }
      case 'map':
        return { kind: 'map', key: partOf(variant.key, `${as.hint}Key`), value: partOf(variant.value, `${as.hint}Value`) }
      default:
        return { kind: 'json' }
    }
  }

  function fieldsOf({ fields, required }: ObjectVariant, name: string): NamedField[] {
    return Array.from(fields, ([field, type]) => ({
      name: field,
      type: refOf(type, name + pascal(field)),
      optional: !required.has(field) || type.optional,
      ...(required.has(field) && type.optional ? { undefinable: true as const } : {}),
      description: textOf(type.schema),
    }))
  }

  function placesOf({ prefix, items }: ArrayVariant, name: string): NamedField[] {
    const places = prefix.map((type, at) => ({ type: refOf(type, `${name}Item${at + 1}`), optional: type.optional }))
    const rest = items && {
      type: { kind: 'list', nullable: false, items: partOf(items, `${name}Rest`) } as const,
      optional: false,
    }
    return [
      ...places.map((place, at) => ({ name: `item${at + 1}`, ...place, description: undefined })),
      ...(rest === undefined ? [] : [{ name: 'rest', ...rest, description: undefined }]),
    ]
  }

  function membersOf(variants: readonly Variant[], name: string): UnionMember[] {
    const objects = variants.filter((one): one is ObjectVariant => one.kind === 'object')
    const tells = literalsTelling(objects)
    // Alternatives that are one kind of scalar are one member; numbers are, whole or not.
    const groups = Map.groupBy(variants, (one) => {
      const scalar = scalarOf([one])
      return scalar === undefined ? one : NUMBERS.has(scalar) ? 'number' : scalar
    })
    return Array.from(groups.values(), (group): UnionMember => {
      const [only] = group as [Variant]
      const told = only.kind === 'object' ? tells?.get(only) : undefined
      const word =
        told === undefined ? (only.kind === 'object' ? `option ${variants.indexOf(only) + 1}` : only.kind) : String(told.value)
      const member = pascal(word)
      const ref = {
        ...refOfVariants(group, { hint: name + member, description: textOf(only.schema) }),
        nullable: false,
      } as TypeRef
      // What has a name of its own elsewhere keeps it.
      const own = told === undefined && ref.kind === 'named' && !ref.name.startsWith(name) ? ref.name : member
      return { name: own, type: ref, tells: told }
    })
  }

  /** Names a type once; while it is read it may refer to itself. */
  function define(variants: readonly Variant[], as: As, make: (base: Base) => NamedType): Bare {
    const same = known.find(
      (one) => one.variants.length === variants.length && one.variants.every((each, at) => each === variants[at]),
    )
    if (same !== undefined) return { kind: 'named', name: same.name }
    let name = as.hint
    for (let n = 2; known.some((one) => one.name === name); n++) name = `${as.hint}${n}`
    known.push({ variants, name })
    named.set(name, make({ name, description: as.description }))
    return { kind: 'named', name }
  }
}

type As = { readonly hint: string; readonly description: string | undefined }
type Base = { readonly name: string; readonly description: string | undefined }

const NUMBERS: ReadonlySet<Scalar> = new Set<Scalar>(['int32', 'int64', 'double'])

/** What all of them are, if they are one scalar. */
function scalarOf(variants: readonly Variant[]): Scalar | undefined {
  const kinds = new Set(variants.map((one) => (one.kind === 'integer' || isWhole(one) ? 'integer' : one.kind)))
  if (kinds.size === 2 && kinds.has('integer') && kinds.has('number')) return 'double'
  if (kinds.size !== 1) return undefined
  const [kind] = kinds
  switch (kind) {
    case 'integer':
      return variants.every(fitsInt32) ? 'int32' : 'int64'
    case 'number':
      return 'double'
    case 'string':
    case 'boolean':
    case 'date':
    case 'bigint':
    case 'bytes':
      return kind
    default:
      return undefined
  }
}

const isWhole = ({ kind, literal }: Variant): boolean => kind === 'number' && Number.isInteger(literal)

function fitsInt32({ schema, literal }: Variant): boolean {
  const least = literal ?? schema.minimum ?? schema.exclusiveMinimum
  const most = literal ?? schema.maximum ?? schema.exclusiveMaximum
  return typeof least === 'number' && typeof most === 'number' && least >= -(2 ** 31) && most < 2 ** 31
}

/** The name that a schema was given where it was made, if it refers to one. */
function nameIn(schema: JsonSchema): string | undefined {
  const options = (schema.anyOf ?? schema.oneOf) as readonly JsonSchema[] | undefined
  const others = options?.filter(({ type }) => type !== 'null')
  const ref = others?.length === 1 ? others[0]!.$ref : schema.$ref
  const name = typeof ref === 'string' ? ref.split('/').at(-1) : undefined
  return name === undefined || name === '#' || /^(?:__schema|part)\d/.test(name) ? undefined : pascal(name)
}

const textOf = ({ description }: JsonSchema): string | undefined => (typeof description === 'string' ? description : undefined)

/** Puts the types of one schema into the table: what is there already is shared, what only has the same name gets another. */
function settle({ ref, named }: Found, types: Map<string, NamedType>): TypeRef {
  const names = new Map(Array.from(named.keys(), (name) => [name, name]))
  const taken = (name: string): boolean => {
    const there = types.get(names.get(name)!)
    if (there !== undefined) return !equal(there, renamed(named.get(name)!, names))
    return [...names].some(([other, to]) => other !== name && to === names.get(name))
  }
  // A name that changes changes those who refer to it, so all are looked at again.
  for (let n = 2, clash = [...named.keys()].filter(taken); clash.length > 0; clash = [...named.keys()].filter(taken), n++)
    for (const name of clash) names.set(name, `${name}${n}`)
  for (const type of named.values()) types.set(names.get(type.name)!, renamed(type, names))
  return renamedRef(ref, names)
}

function renamed(type: NamedType, names: ReadonlyMap<string, string>): NamedType {
  const name = names.get(type.name)!
  if (type.kind === 'enum') return { ...type, name }
  if (type.kind === 'union')
    return { ...type, name, members: type.members.map((one) => ({ ...one, type: renamedRef(one.type, names) })) }
  return { ...type, name, fields: type.fields.map((one) => ({ ...one, type: renamedRef(one.type, names) })) }
}

function renamedRef(ref: TypeRef, names: ReadonlyMap<string, string>): TypeRef {
  switch (ref.kind) {
    case 'named':
      return { ...ref, name: names.get(ref.name)! }
    case 'list':
    case 'set':
      return { ...ref, items: renamedRef(ref.items, names) }
    case 'map':
      return { ...ref, key: renamedRef(ref.key, names), value: renamedRef(ref.value, names) }
    case 'record':
      return { ...ref, value: renamedRef(ref.value, names) }
    default:
      return ref
  }
}

const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
