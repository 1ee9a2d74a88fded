/** What operations take, as types of GraphQL, and the way back from their values. */
import { identifiersFor, type NamedField, type NamedType, type TypeRef, type TypeTable } from 'dure/contract/internal'
import {
  GraphQLInputObjectType,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLInputFieldConfig,
  type GraphQLInputType,
  type GraphQLNullableInputType,
} from 'graphql'
import { camel } from './names.ts'
import { wordOf, type OutputTypes } from './output-types.ts'
import { Json, SCALARS } from './scalars.ts'

/** A type for what is given, and what becomes of it. */
export type Input = { readonly type: GraphQLInputType; readonly read: (given: unknown) => unknown }

export type InputTypes = {
  readonly inputOf: (ref: TypeRef) => Input
  /** The arguments of an operation: the fields of its input, or all of it as `input`. */
  readonly argumentsOf: (ref: TypeRef) => {
    readonly args: Readonly<Record<string, GraphQLInputFieldConfig>>
    readonly read: (given: Readonly<Record<string, unknown>>) => unknown
  }
}

type Read = (given: unknown) => unknown

const same: Read = (given) => given

export function inputTypes({ types }: TypeTable, enumOf: OutputTypes['enumOf']): InputTypes {
  const made = new Map<string, { readonly type: GraphQLInputType; read: Read }>()

  const inputOf = (ref: TypeRef): Input => {
    const { type, read } = bare(ref)
    return { type: ref.nullable ? type : required(type), read: (given) => (given === null ? null : read(given)) }
  }

  function bare(ref: TypeRef): Input {
    switch (ref.kind) {
      case 'scalar':
        return { type: SCALARS[ref.scalar], read: same }
      case 'list':
      case 'set': {
        const { type, read } = inputOf(ref.items)
        const all: Read = (given) => (given as unknown[]).map(read)
        return { type: new GraphQLList(type), read: ref.kind === 'set' ? (given) => new Set(all(given) as unknown[]) : all }
      }
      case 'map':
      case 'record':
        return mapOf(ref)
      case 'named': {
        // Read late: a type may contain itself.
        const named = once(ref.name, () => namedInput(types.get(ref.name)!))
        return { type: named.type, read: (given) => named.read(given) }
      }
      default:
        return { type: Json, read: same }
    }
  }

  function once(
    name: string,
    make: () => { readonly type: GraphQLInputType; read: Read },
  ): { readonly type: GraphQLInputType; read: Read } {
    let input = made.get(name)
    if (input === undefined) made.set(name, (input = make()))
    return input
  }

  function namedInput(type: NamedType): { readonly type: GraphQLInputType; read: Read } {
    if (type.kind === 'enum') return { type: enumOf(type), read: same }
    if (type.kind === 'union') return unionInput(type)
    const input = { read: same as Read }
    const made = new GraphQLInputObjectType({
      name: inputName(type.name),
      description: type.description,
      fields: () => {
        const { args, read } = fieldsOf(type.fields)
        input.read = type.kind === 'tuple' ? (given) => placesOf(type.fields, read(given as Fields) as Fields) : (read as Read)
        return args
      },
    })
    // Its fields, and with them the way back, are made when they are first asked for.
    return { type: made, read: (given) => (made.getFields(), input.read(given)) }
  }

  /** One of several, each under its own name: `@oneOf`. */
  function unionInput({ name, description, members }: NamedType & { readonly kind: 'union' }): {
    readonly type: GraphQLInputType
    read: Read
  } {
    const ways = new Map(members.map((member) => [camel(member.name), member]))
    const type = new GraphQLInputObjectType({
      ...{ name: inputName(name), description, isOneOf: true },
      fields: () => Object.fromEntries(Array.from(ways, ([way, member]) => [way, { type: bare(member.type).type }])),
    })
    const read: Read = (given) => {
      const [[way, value]] = Object.entries(given as Fields) as [[string, unknown]]
      return bare(ways.get(way)!.type).read(value)
    }
    return { type, read }
  }

  type Fields = Readonly<Record<string, unknown>>

  function fieldsOf(fields: readonly NamedField[]): ReturnType<InputTypes['argumentsOf']> {
    const names = identifiersFor(fields.map(({ name }) => name))
    const own = fields.map((field) => ({ field, name: names.get(field.name)!, ...inputOf(field.type) }))
    const args = own.map(({ field, name, type }) => {
      const only = onlyValue(field.type)
      const bareType = field.optional && type instanceof GraphQLNonNull ? type.ofType : type
      const config = {
        type: bareType,
        description: field.description,
        ...(only === undefined ? {} : { default: { value: only } }),
      }
      return [name, config] as const
    })
    const read = (given: Fields): unknown => {
      const input: Record<string, unknown> = {}
      for (const one of own) if (Object.hasOwn(given, one.name)) input[one.field.name] = one.read(given[one.name])
      return input
    }
    return { args: Object.fromEntries(args), read }
  }

  /** The value of an enumeration that has but one, which nobody need write. */
  function onlyValue(ref: TypeRef): string | undefined {
    const type = ref.kind === 'named' ? types.get(ref.name) : undefined
    return type?.kind === 'enum' && type.values.length === 1 ? type.values[0] : undefined
  }

  function mapOf(ref: TypeRef & { readonly kind: 'map' | 'record' }): Input {
    const [keys, values] = [inputOf(ref.kind === 'map' ? ref.key : TEXT), inputOf(ref.value)]
    const name = `${wordOf(keys.type)}To${wordOf(values.type)}EntryInput`
    const { type } = once(name, () => ({
      type: new GraphQLInputObjectType({ name, fields: { key: { type: keys.type }, value: { type: values.type } } }),
      read: same,
    }))
    const read: Read = (given) => {
      const entries = given as readonly { readonly key: unknown; readonly value: unknown }[]
      const pairs = entries.map((entry) => [keys.read(entry.key), values.read(entry.value)] as const)
      return ref.kind === 'map' ? new Map(pairs) : Object.fromEntries(pairs as readonly (readonly [string, unknown])[])
    }
    return { type: new GraphQLList(required(type)), read }
  }

  return {
    inputOf,
    argumentsOf: (ref) => {
      if (ref.kind === 'nothing') return { args: {}, read: () => undefined }
      const named = ref.kind === 'named' && !ref.nullable ? types.get(ref.name) : undefined
      if (named?.kind === 'object') return fieldsOf(named.fields)
      const { type, read } = inputOf(ref)
      return { args: { input: { type } }, read: ({ input }) => read(input) }
    },
  }
}

function placesOf(fields: readonly NamedField[], given: Readonly<Record<string, unknown>>): unknown[] {
  return fields.flatMap(({ name }) => (name === 'rest' ? (given[name] as unknown[]) : [given[name]]))
}

const required = (type: GraphQLInputType): GraphQLInputType =>
  type instanceof GraphQLNonNull ? type : new GraphQLNonNull(type as GraphQLNullableInputType)

const TEXT: TypeRef = { kind: 'scalar', scalar: 'string', nullable: false }

const inputName = (name: string): string => (name.endsWith('Input') ? name : `${name}Input`)
