/** What operations answer, as types of GraphQL. Absent and null are both null there. */
import {
  identifiersFor,
  memberFinder,
  type NamedField,
  type NamedType,
  type TypeRef,
  type TypeTable,
  type UnionMember,
} from 'dure/contract/internal'
import {
  GraphQLEnumType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLUnionType,
  type GraphQLFieldConfig,
  type GraphQLNullableOutputType,
  type GraphQLOutputType,
} from 'graphql'
import type { RequestContext } from './request.ts'
import { Done, Json, SCALARS } from './scalars.ts'

/** What no value of an enumeration may be called. */
export const ENUM_WORDS: ReadonlySet<string> = new Set(['true', 'false', 'null'])

export type OutputTypes = {
  readonly typeOf: (ref: TypeRef) => GraphQLOutputType
  /** The same enumeration for what goes in. */
  readonly enumOf: (type: NamedType & { readonly kind: 'enum' }) => GraphQLEnumType
}

type Fields = Record<string, GraphQLFieldConfig<unknown, RequestContext>>

/** @param linked fields that lead from an object to what other operations answer */
export function outputTypes(table: TypeTable, linked: (name: string) => Fields): OutputTypes {
  const { types } = table
  const made = new Map<string, GraphQLOutputType>()
  const enums = new Map<string, GraphQLEnumType>()
  const memberOf = memberFinder(table)
  const typeOf = (ref: TypeRef): GraphQLOutputType => {
    const type = bare(ref)
    return ref.nullable ? type : required(type)
  }

  function bare(ref: TypeRef): GraphQLOutputType {
    switch (ref.kind) {
      case 'scalar':
        return SCALARS[ref.scalar]
      case 'list':
      case 'set':
        return new GraphQLList(typeOf(ref.items))
      case 'map':
      case 'record':
        return new GraphQLList(required(entryOf(ref)))
      case 'json':
        return Json
      case 'nothing':
        return Done
      default:
        return once(ref.name, () => namedType(types.get(ref.name)!))
    }
  }

  function once(name: string, make: () => GraphQLOutputType): GraphQLOutputType {
    let type = made.get(name)
    if (type === undefined) made.set(name, (type = make()))
    return type
  }

  function namedType(type: NamedType): GraphQLOutputType {
    const { name, description } = type
    if (type.kind === 'enum') return enumOf(type)
    if (type.kind === 'union') return unionOf(type)
    return new GraphQLObjectType({
      ...{ name, description },
      fields: () => {
        const names = identifiersFor(type.fields.map((one) => one.name))
        const own = type.fields.map((field, at) => [
          names.get(field.name)!,
          fieldOf(field, type.kind === 'tuple' ? at : undefined),
        ])
        return { ...Object.fromEntries(own), ...linked(name) } as Fields
      },
    })
  }

  function fieldOf({ name, type, optional, description }: NamedField, at: number | undefined): Fields[string] {
    const given = typeOf(type)
    const read =
      at === undefined
        ? (from: unknown) => (from as Record<string, unknown>)[name]
        : (from: unknown) => (name === 'rest' ? (from as unknown[]).slice(at) : (from as unknown[])[at])
    const shown = entriesIn(type)
    const resolve = shown === undefined ? read : (from: unknown) => shown(read(from))
    return { type: optional && given instanceof GraphQLNonNull ? given.ofType : given, description, resolve }
  }

  function enumOf({ name, values, description }: NamedType & { readonly kind: 'enum' }): GraphQLEnumType {
    let type = enums.get(name)
    if (type === undefined) {
      const names = identifiersFor(values, ENUM_WORDS)
      const entries = Object.fromEntries(values.map((value) => [names.get(value)!, { value }]))
      enums.set(name, (type = new GraphQLEnumType({ name, description, values: entries })))
    }
    return type
  }

  /** Of objects alone; what is none stands in one, as `value`. */
  function unionOf({ name, description, members }: NamedType & { readonly kind: 'union' }): GraphQLOutputType {
    const objects = members.map((member) => ({ member, type: objectOf(member, name) }))
    return new GraphQLUnionType({
      ...{ name, description },
      types: objects.map(({ type }) => type),
      resolveType: (value: unknown) => {
        const found = memberOf(members, value)
        return objects.find(({ member }) => member === found)?.type.name
      },
    })
  }

  function objectOf({ name, type }: UnionMember, union: string): GraphQLObjectType {
    const own = bare(type)
    if (own instanceof GraphQLObjectType) return own
    const wrapper = `${union}${name}`
    return once(
      wrapper,
      () => new GraphQLObjectType({ name: wrapper, fields: { value: { type: required(own), resolve: (value) => value } } }),
    ) as GraphQLObjectType
  }

  function entryOf(ref: TypeRef & { readonly kind: 'map' | 'record' }): GraphQLObjectType {
    const [keys, values] = [typeOf(ref.kind === 'map' ? ref.key : TEXT), typeOf(ref.value)]
    const name = `${wordOf(keys)}To${wordOf(values)}Entry`
    return once(
      name,
      () =>
        new GraphQLObjectType({
          name,
          fields: {
            key: { type: keys, resolve: (entry) => (entry as readonly unknown[])[0] },
            value: { type: values, resolve: (entry) => (entry as readonly unknown[])[1] },
          },
        }),
    ) as GraphQLObjectType
  }

  return { typeOf, enumOf }
}

const TEXT: TypeRef = { kind: 'scalar', scalar: 'string', nullable: false }

/** Lists of entries in place of the records in a value; undefined where there can be none. */
export function entriesIn(ref: TypeRef): ((value: unknown) => unknown) | undefined {
  const part = 'items' in ref ? ref.items : 'value' in ref ? ref.value : undefined
  if (part === undefined) return undefined
  const inside = entriesIn(part)
  const each = inside ?? ((value: unknown) => value)
  const some = (show: (value: object) => unknown) => (value: unknown) =>
    value === null || value === undefined ? value : show(value)
  if (ref.kind === 'record') return some((value) => Object.entries(value).map(([key, one]) => [key, each(one)]))
  if (inside === undefined) return undefined
  if (ref.kind === 'map') return some((value) => Array.from(value as Map<unknown, unknown>, ([key, one]) => [key, each(one)]))
  return some((value) => Array.from(value as Iterable<unknown>, each))
}

/** Types of one kind, also where the library's own types no longer know which. */
const required = (type: GraphQLOutputType): GraphQLOutputType =>
  type instanceof GraphQLNonNull ? type : new GraphQLNonNull(type as GraphQLNullableOutputType)

/** `[Money!]!` → `MoneyList` */
export function wordOf(type: object): string {
  return String(type).replaceAll('!', '').replaceAll('[', '').replaceAll(']', 'List')
}
