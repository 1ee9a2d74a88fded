/** What one contract is in Thrift. */
import type { AnyContract } from 'dure/contract'
import {
  errorsOf,
  identifiersFor,
  memberFinder,
  numbersOf,
  pascal,
  typesOf,
  wireOf,
  type NamedType,
  type OperationTypes,
  type TypeRef,
} from 'dure/contract/internal'
import type { Enum, Method, Struct, ThriftField, ThriftService, ThriftType } from './types.ts'
import { RESERVED } from './names.ts'

export type Naming = {
  readonly service: string
  readonly services: ReadonlySet<string>
  /** A type's name in a document of several contracts. */
  readonly named: (type: string) => string
}

export type ContractModel = {
  readonly service: ThriftService
  readonly structs: ReadonlyMap<string, Struct>
  readonly enums: ReadonlyMap<string, Enum>
}

/** @throws {TypeError} for a contract without numbers of its fields, or with some that Thrift cannot write */
export function contractModel(contract: AnyContract, naming: Naming): ContractModel {
  const types = typesIn(contract, naming)
  const own = types.table.operations.filter(isCall)
  const names = identifiersFor(
    own.map(({ name }) => name),
    RESERVED,
  )
  const methods = own.map((one) => methodOf(one, names.get(one.name)!, types))
  const { structs, enums } = types
  return { service: { name: naming.service, contract, methods }, structs, enums }
}

type Types = ReturnType<typeof typesIn>

function methodOf(types: OperationTypes, name: string, { useOf, fieldOf, fieldNumber, once, wrapped }: Types): Method {
  const exceptionOf = (code: string, data: TypeRef): ThriftType => {
    const message: ThriftField = { number: 1, name: 'message', key: 'message', type: TEXT, required: true, absent: undefined }
    const own = data.kind === 'nothing' ? [] : [fieldOf({ number: 2, name: 'data', key: 'data', type: data, optional: false })]
    return once(pascal(...code.toLowerCase().split('_')), { kind: 'exception', of: 'object', fields: [message, ...own] })
  }
  const { operation, input, output, errors } = types
  const optional = wireOf(operation.input, 'input').optional
  const answer = (): ThriftType =>
    wireOf(operation.output, 'output').optional ? wrapped(useOf(output), 'Optional', undefined) : useOf(output)
  return {
    ...{ types, name },
    input: operation.input && fieldOf({ number: 1, name: 'input', key: 'input', type: input, optional }),
    output: output.kind === 'nothing' && !output.nullable ? undefined : answer(),
    errors: errors.map(({ code, data }) => {
      const type = exceptionOf(code, data)
      const field = {
        number: fieldNumber(errorsOf(types.name), code),
        name: lower(pascal(...code.toLowerCase().split('_'))),
        key: code,
      }
      return { code, field: { ...field, type, required: false, absent: undefined } }
    }),
  }
}

function typesIn(contract: AnyContract, { services, named }: Naming) {
  const table = typesOf([contract])
  const numberOf = numbersOf(contract, table)
  const structs = new Map<string, Struct>()
  const enums = new Map<string, Enum>()
  const given = identifiersFor([...table.types.keys()], new Set([...services, ...RESERVED]))
  const names = new Map(Array.from(given, ([type, name]) => [type, named(name)]))
  const { once, wrapped, entryOf } = structBook(structs, new Set(names.values()), named)
  const memberOf = memberFinder(table)
  for (const type of table.types.values()) defineNamed(type)
  return { table, structs, enums, useOf, fieldOf, fieldNumber, once, wrapped }

  function useOf(ref: TypeRef): ThriftType {
    return ref.nullable && ref.kind !== 'json' && ref.kind !== 'nothing' ? wrapped(bareOf(ref), 'Nullable', null) : bareOf(ref)
  }

  function bareOf(ref: TypeRef): ThriftType {
    switch (ref.kind) {
      case 'scalar':
        return { kind: 'scalar', of: ref.scalar }
      case 'list':
        return { kind: 'list', of: 'list', items: useOf(ref.items) }
      case 'set': {
        const items = useOf(ref.items)
        return isKey(items) ? { kind: 'set', items } : { kind: 'list', of: 'set', items }
      }
      case 'record':
        return { kind: 'map', of: 'record', key: TEXT, value: useOf(ref.value) }
      case 'map': {
        const [key, value] = [useOf(ref.key), useOf(ref.value)]
        return isKey(key) ? { kind: 'map', of: 'map', key, value } : { kind: 'list', of: 'entries', items: entryOf(key, value) }
      }
      case 'named':
        return { kind: table.types.get(ref.name)!.kind === 'enum' ? 'enum' : 'struct', name: names.get(ref.name)! }
      default:
        return { kind: 'scalar', of: 'json' }
    }
  }

  /** Null and absent are told apart: a field that may be one of them is left out, and null of one that may be both is wrapped. */
  function fieldOf(of: { number: number; name: string; key: string | number; type: TypeRef; optional: boolean }): ThriftField {
    const { number, name, key, type, optional } = of
    const omitted = !optional && type.nullable && type.kind !== 'json' && type.kind !== 'nothing'
    return {
      ...{ number, name, key, type: omitted ? bareOf(type) : useOf(type) },
      ...{ required: !optional && !omitted, absent: omitted ? null : undefined },
    }
  }

  function defineNamed(type: NamedType): void {
    const name = names.get(type.name)!
    const { description } = type
    if (type.kind === 'enum') {
      const own = identifiersFor(type.values, RESERVED)
      const values = type.values.map((value) => ({ number: numberOf(type.name, value), name: own.get(value)!, value }))
      return void enums.set(name, { name, description, values })
    }
    const parts = type.kind === 'union' ? type.members : type.fields
    const own = parts.map((part) => part.name)
    const fieldNames = identifiersFor(own, RESERVED)
    if (type.kind === 'union') {
      const camel = identifiersFor(own.map(lower), RESERVED)
      const fields = type.members.map((one) =>
        fieldOf({
          ...{ number: fieldNumber(type.name, one.name), name: camel.get(lower(one.name))! },
          ...{ key: one.name, type: one.type, optional: true },
        }),
      )
      const keyOf = (value: unknown): string | undefined => memberOf(type.members, value)?.name
      return void structs.set(name, { kind: 'union', of: 'union', name, description, fields, keyOf })
    }
    const fields = type.fields.map((one, at) => {
      const key = type.kind === 'object' ? one.name : at
      return {
        ...fieldOf({ ...one, key, number: fieldNumber(type.name, one.name), name: fieldNames.get(one.name)! }),
        description: one.description,
      }
    })
    structs.set(name, {
      kind: 'struct',
      of: type.kind,
      name,
      description,
      fields: fields.toSorted((a, b) => a.number - b.number),
    })
  }

  /** Thrift writes numbers of fields in 16 bits. */
  function fieldNumber(type: string, name: string): number {
    const number = numberOf(type, name)
    if (number <= MOST) return number
    throw new TypeError(
      `Cannot use the number ${number} of "${name}" of "${type}" in contract "${contract.name}": Thrift has numbers up to ${MOST}; give a new field a smaller one`,
    )
  }
}

/** Structs that no type of the contract has a name for: equal ones are one. */
function structBook(structs: Map<string, Struct>, taken: Set<string>, named: (word: string) => string) {
  return { once, wrapped, entryOf }

  /** A struct with one field, which may be left out: Thrift's own way to say that something is not there, where it has none. */
  function wrapped(type: ThriftType, word: 'Nullable' | 'Optional', absent: null | undefined): ThriftType {
    const fields: ThriftField[] = [{ number: 1, name: 'value', key: 'value', type, required: false, absent }]
    return once(`${word}${wordOf(type)}`, { kind: 'struct', of: 'wrapper', fields })
  }

  function entryOf(key: ThriftType, value: ThriftType): ThriftType {
    const part = (number: number, name: string, type: ThriftType): ThriftField => ({
      ...{ number, name, key: name, type, required: true, absent: undefined },
    })
    const fields = [part(1, 'key', key), part(2, 'value', value)]
    return once(`${wordOf(key)}To${wordOf(value)}Entry`, { kind: 'struct', of: 'object', fields })
  }

  function once(word: string, struct: Omit<Struct, 'name'>): ThriftType {
    for (let n = 1; ; n++) {
      const name = named(n === 1 ? word : `${word}${n}`)
      const there = structs.get(name)
      if (there === undefined ? taken.has(name) : JSON.stringify(there) !== JSON.stringify({ ...struct, name })) continue
      if (there === undefined) structs.set(name, { ...struct, name })
      taken.add(name)
      return { kind: 'struct', name }
    }
  }
}

const MOST = 32_767

const TEXT: ThriftType = { kind: 'scalar', of: 'string' }

const isCall = ({ operation: { kind } }: OperationTypes): boolean => kind === 'command' || kind === 'query'

/** Whether every language has sets of it and maps by it. */
const isKey = (type: ThriftType): boolean =>
  type.kind === 'enum' || (type.kind === 'scalar' && type.of !== 'bytes' && type.of !== 'json')

const lower = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1)

function wordOf(type: ThriftType): string {
  switch (type.kind) {
    case 'scalar':
      return pascal(type.of)
    case 'list':
    case 'set':
      return `${wordOf(type.items)}${type.kind === 'list' && type.of !== 'set' ? 'List' : 'Set'}`
    case 'map':
      return `${wordOf(type.key)}To${wordOf(type.value)}Map`
    default:
      return type.name
  }
}
