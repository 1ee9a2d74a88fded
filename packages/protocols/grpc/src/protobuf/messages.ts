/** What a contract's types are in protobuf: messages, enumerations, and how a value of JavaScript stands in each field. */
import type { NamedField, NamedType, Scalar, TypeRef, UnionMember } from 'dure/contract/internal'
import { createNames, fieldNames, snake, type Names } from './names.ts'

export type ProtoScalar = 'string' | 'bool' | 'int32' | 'int64' | 'double' | 'bytes'

/** What one place of a message holds. `bigint`: in decimal, for protobuf has no integers of any size. */
export type ProtoType =
  | { readonly kind: 'scalar'; readonly scalar: ProtoScalar; readonly bigint: boolean }
  | { readonly kind: 'enum'; readonly enum: ProtoEnum }
  | { readonly kind: 'message'; readonly message: ProtoMessage }

export type ProtoEnum = {
  readonly name: string
  /** The type whose numbers these are. */
  readonly type: string
  readonly description: string | undefined
  /** The name for zero, which stands for none. */
  readonly zero: string
  readonly values: readonly { readonly name: string; readonly value: string; readonly number: number }[]
}

export type ProtoField = {
  /** In the document. */
  readonly name: string
  /** In values. */
  readonly key: string
  readonly number: number
  readonly type: ProtoType
  /** How many there are, and in what they stand. `pairs`: a map whose keys protobuf's own maps cannot have. */
  readonly holds: 'one' | 'list' | 'set' | 'map' | 'record' | 'pairs'
  /** Of a `map` or `record` that protobuf has as one. */
  readonly mapKey?: ProtoType & { readonly kind: 'scalar' }
  /**
   * What it means that the field is not there. `default`: zero, nothing or an empty text, as everywhere in protobuf; of a
   * message, that it is missing.
   */
  readonly absent: 'default' | 'undefined' | 'null'
  readonly description: string | undefined
}

/**
 * What a message is in values. `box`: what its only field holds, where protobuf needs a message and the contract has none.
 * `pair`: a key and a value of a map.
 */
export type ProtoForm = 'object' | 'tuple' | 'union' | 'box' | 'pair' | 'timestamp' | 'value' | 'empty'

export type ProtoMessage = {
  readonly name: string
  readonly form: ProtoForm
  /** Of protobuf's own files. */
  readonly imported?: string
  readonly description: string | undefined
  /** Filled while the types are read, which may refer to themselves. */
  readonly fields: readonly ProtoField[]
  /** Of a union: the key of the field in which a value stands. */
  readonly memberOf?: (value: unknown) => string | undefined
  /** The type whose numbers these are. */
  readonly type: string | undefined
}

const own = (name: string, form: ProtoForm, imported: string): ProtoMessage => ({
  ...{ name, form, imported, description: undefined, fields: [], type: undefined },
})
const TIMESTAMP = own('google.protobuf.Timestamp', 'timestamp', 'google/protobuf/timestamp.proto')
const VALUE = own('google.protobuf.Value', 'value', 'google/protobuf/struct.proto')
export const EMPTY: ProtoMessage = own('google.protobuf.Empty', 'empty', 'google/protobuf/empty.proto')

const SCALARS: Readonly<Record<Exclude<Scalar, 'date'>, ProtoScalar>> = {
  ...{ string: 'string', boolean: 'bool', int32: 'int32', int64: 'int64', double: 'double', bigint: 'string', bytes: 'bytes' },
}

export type Messages = {
  readonly messages: readonly ProtoMessage[]
  readonly enums: readonly ProtoEnum[]
  /** What a value is as a whole: a message, whatever it is. @param optional whether it may be `undefined` */
  readonly root: (ref: TypeRef, as: { readonly hint: string; readonly optional: boolean }) => ProtoMessage
  /** A message of the contract's own whose fields are other messages, of which one is there. */
  readonly choice: (name: string, members: readonly { readonly key: string; readonly type: ProtoMessage }[]) => ProtoMessage
  readonly find: (name: string) => ProtoMessage | undefined
}

type Options = {
  readonly types: ReadonlyMap<string, NamedType>
  readonly numberOf: (type: string, name: string) => number
  /** Which of a union's members a value is. */
  readonly memberOf: (members: readonly UnionMember[], value: unknown) => UnionMember | undefined
}

/** Makes messages of a contract's types, as they are asked for. */
export function messagesOf({ types, numberOf, memberOf }: Options): Messages {
  const messages: ProtoMessage[] = []
  const enums: ProtoEnum[] = []
  const made = new Map<string, ProtoMessage | ProtoEnum>()
  const names: Names = createNames(types.keys())

  function add(message: ProtoMessage): ProtoMessage {
    messages.push(message)
    return message
  }

  /** One value, in a place where protobuf has room for one. */
  function single(ref: TypeRef, hint: string): ProtoType {
    if (ref.nullable && ref.kind !== 'json' && ref.kind !== 'nothing') return boxed(hint, 'Value', field(ref, hint, false))
    switch (ref.kind) {
      case 'scalar':
        if (ref.scalar === 'date') return { kind: 'message', message: TIMESTAMP }
        return { kind: 'scalar', scalar: SCALARS[ref.scalar], bigint: ref.scalar === 'bigint' }
      case 'json':
        return { kind: 'message', message: VALUE }
      case 'nothing':
        return { kind: 'message', message: EMPTY }
      case 'named':
        return named(types.get(ref.name)!)
      case 'list':
      case 'set':
        return boxed(hint, 'List', field(ref, hint, false))
      default:
        return boxed(hint, 'Map', field(ref, hint, false))
    }
  }

  type Place = Pick<ProtoField, 'type' | 'holds' | 'mapKey' | 'absent'>

  /** What a field holds, so that absent, null and empty are told apart. */
  function field(ref: TypeRef, hint: string, optional: boolean): Place {
    const one = (type: ProtoType, absent: Place['absent']): Place => ({ type, holds: 'one', absent })
    const without = { ...ref, nullable: false }
    if (ref.kind === 'json') return one(single(ref, hint), 'undefined')
    if (ref.kind === 'nothing') return one(single(ref, hint), ref.nullable && !optional ? 'null' : 'undefined')
    if (ref.nullable && optional) return one(single(ref, hint), 'undefined')
    if (ref.nullable || optional) return one(single(without, hint), ref.nullable ? 'null' : 'undefined')
    switch (ref.kind) {
      case 'list':
      case 'set':
        return { type: single(ref.items, `${hint}Item`), holds: ref.kind, absent: 'default' }
      case 'record':
        return { type: single(ref.value, `${hint}Item`), holds: 'record', mapKey: TEXT, absent: 'default' }
      case 'map': {
        const key = mapKeyOf(ref.key)
        if (key !== undefined) return { type: single(ref.value, `${hint}Item`), holds: 'map', mapKey: key, absent: 'default' }
        const message = pairOf(ref, hint)
        return { type: { kind: 'message', message }, holds: 'pairs', absent: 'default' }
      }
      default:
        return one(single(ref, hint), 'default')
    }
  }

  /** A map whose keys are no keys of protobuf: a list of pairs. */
  function pairOf(ref: TypeRef & { readonly kind: 'map' }, hint: string): ProtoMessage {
    const fields = [
      { ...field(ref.key, `${hint}Key`, false), ...plain('key', 1) },
      { ...field(ref.value, `${hint}Value`, false), ...plain('value', 2) },
    ]
    return add({ name: names.free(`${hint}Entry`), form: 'pair', description: undefined, fields, type: undefined })
  }

  function boxed(hint: string, suffix: string, place: Place): ProtoType {
    const many = place.holds !== 'one'
    const fields = [{ ...place, ...plain(many ? 'items' : 'value', 1) }]
    const message = add({ name: names.free(hint + suffix), form: 'box', description: undefined, fields, type: undefined })
    return { kind: 'message', message }
  }

  function named(type: NamedType): ProtoType {
    const known = made.get(type.name)
    if (known !== undefined) return 'values' in known ? { kind: 'enum', enum: known } : { kind: 'message', message: known }
    const { description } = type
    const name = names.own(type.name)
    if (type.kind === 'enum') {
      const one = enumOf(type, name, numberOf)
      enums.push(one)
      made.set(type.name, one)
      return { kind: 'enum', enum: one }
    }
    const fields: ProtoField[] = []
    const base = { name, description, fields, type: type.name }
    const message: ProtoMessage =
      type.kind === 'union'
        ? { ...base, form: 'union', memberOf: (value) => memberOf(type.members, value)?.name }
        : { ...base, form: type.kind }
    made.set(type.name, message)
    add(message)
    const parts: readonly (Pick<NamedField, 'name' | 'type'> & Partial<NamedField>)[] =
      type.kind === 'union' ? type.members : type.fields
    const texts = fieldNames(
      parts.map((part) => part.name),
      (part) => numberOf(type.name, part),
    )
    for (const { name: key, type: ref, optional = false, description: text } of parts) {
      const hint = name + names.pascal(key)
      // What is one of several is one value, whatever it is.
      const place: Place =
        type.kind === 'union' ? { type: single(ref, hint), holds: 'one', absent: 'undefined' } : field(ref, hint, optional)
      fields.push({ ...place, key, name: texts.get(key)!, number: numberOf(type.name, key), description: text })
    }
    return { kind: 'message', message }
  }

  return {
    messages,
    enums,
    root: (ref, { hint, optional }) => {
      if (ref.kind === 'nothing' && !optional) return EMPTY
      const type = !optional && !ref.nullable && ref.kind === 'named' ? single(ref, hint) : undefined
      if (type?.kind === 'message') return type.message
      if (ref.kind === 'nothing' && !ref.nullable) return EMPTY
      const box = boxed(hint, '', field(ref, hint, optional))
      return (box as { readonly message: ProtoMessage }).message
    },
    choice: (name, members) => {
      const fields = members.map(({ key, type }, at): ProtoField => ({
        ...plain(key, at + 1),
        ...{ type: { kind: 'message', message: type }, holds: 'one', absent: 'undefined' },
      }))
      return add({ name: names.free(name), form: 'object', description: undefined, fields, type: undefined })
    },
    find: (name) => messages.find((one) => one.name === name),
  }
}

const TEXT = { kind: 'scalar', scalar: 'string', bigint: false } as const
const KEYS: ReadonlySet<string> = new Set(['string', 'boolean', 'int32', 'int64'])

function mapKeyOf(ref: TypeRef): ProtoField['mapKey'] {
  if (ref.kind !== 'scalar' || ref.nullable || !KEYS.has(ref.scalar) || ref.scalar === 'date') return undefined
  return { kind: 'scalar', scalar: SCALARS[ref.scalar], bigint: false }
}

const plain = (key: string, number: number) => ({ key, name: key, number, description: undefined })

function enumOf(type: NamedType & { readonly kind: 'enum' }, name: string, numberOf: Options['numberOf']): ProtoEnum {
  const number = (value: string): number => numberOf(type.name, value)
  const names = fieldNames(type.values, number)
  const prefix = snake(name).toUpperCase()
  const values = type.values.map((value) => ({
    ...{ value, number: number(value), name: `${prefix}_${names.get(value)!.toUpperCase()}` },
  }))
  const zero = [`${prefix}_UNSPECIFIED`, `${prefix}_NONE_OF_THEM`].find((one) => values.every((value) => value.name !== one))!
  return { name, type: type.name, description: type.description, zero, values }
}
