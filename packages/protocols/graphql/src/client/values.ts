/** Values as the variables and data of GraphQL have them, by the types of a contract, and back. */
import {
  identifiersFor,
  memberFinder,
  unknownFromJson,
  unknownToJson,
  type NamedField,
  type NamedType,
  type TypeRef,
  type TypeTable,
} from 'dure/contract/internal'
import { camel } from '../names.ts'
import { ENUM_WORDS } from '../output-types.ts'
import { SCALARS } from '../scalars.ts'

type Json = Readonly<Record<string, unknown>>
export type Way = (value: unknown) => unknown

type Types = Pick<TypeTable, 'types'>

/** Compiles the way from a value to a variable. */
export function writerOf({ types }: Types): (ref: TypeRef) => Way {
  const memberOf = memberFinder({ types })
  const named = compiled(types, writing)
  return write

  function write(ref: TypeRef): Way {
    const inside = writeBare(ref)
    return (value) => (value === null && ref.kind !== 'json' ? null : inside(value))
  }

  function writeBare(ref: TypeRef): Way {
    switch (ref.kind) {
      case 'scalar': {
        const type = SCALARS[ref.scalar]
        return (value) => type.coerceOutputValue(value)
      }
      case 'list':
      case 'set': {
        const each = write(ref.items)
        return (value) => Array.from(value as Iterable<unknown>, each)
      }
      case 'map':
      case 'record': {
        const [key, one] = [write(ref.kind === 'map' ? ref.key : TEXT), write(ref.value)]
        const pairs = (value: unknown) => (ref.kind === 'map' ? (value as Map<unknown, unknown>) : Object.entries(value as Json))
        return (value) => Array.from(pairs(value), ([name, part]) => ({ key: key(name), value: one(part) }))
      }
      case 'json':
        return unknownToJson
      case 'nothing':
        return () => undefined
      default:
        return named(ref.name)
    }
  }

  function writing(type: NamedType): Way {
    if (type.kind === 'enum') {
      const names = identifiersFor(type.values, ENUM_WORDS)
      return (value) => names.get(value as string)
    }
    if (type.kind === 'union') {
      const ways = new Map(type.members.map((member) => [member, { name: camel(member.name), way: write(member.type) }]))
      return (value) => {
        const { name, way } = ways.get(memberOf(type.members, value)!)!
        return { [name]: way(value) }
      }
    }
    const parts = partsOf(type.fields, (field) => write(field.type))
    if (type.kind === 'tuple')
      return (value) =>
        Object.fromEntries(
          parts.map(({ field, name, way }, at) => [
            name,
            way(field.name === 'rest' ? (value as unknown[]).slice(at) : (value as unknown[])[at]),
          ]),
        )
    return (value) =>
      Object.fromEntries(
        parts
          .filter(({ field }) => (value as Json)[field.name] !== undefined)
          .map(({ field, name, way }) => [name, way((value as Json)[field.name])]),
      )
  }
}

/** What fields of a union's member are asked for as: members may have fields of one name and of other types. */
export const aliasOf = (member: number, field: string): string => `m${member}_${field}`

/** Compiles the way from what was answered to a value. It throws, whatever, when it is no such value. */
export function readerOf({ types }: Types): (ref: TypeRef) => Way {
  const named = compiled(types, (type) => reading(type, (name) => name))
  return read

  function read(ref: TypeRef): Way {
    const inside = readBare(ref)
    return (value) => (value === null ? null : inside(value))
  }

  function readBare(ref: TypeRef): Way {
    switch (ref.kind) {
      case 'scalar': {
        const type = SCALARS[ref.scalar]
        return (value) => type.coerceInputValue(value)
      }
      case 'list':
        return (value) => (value as unknown[]).map(read(ref.items))
      case 'set':
        return (value) => new Set((value as unknown[]).map(read(ref.items)))
      case 'map':
      case 'record': {
        const [key, one] = [read(ref.kind === 'map' ? ref.key : TEXT), read(ref.value)]
        return (value) => {
          const pairs = (value as readonly Json[]).map((entry) => [key(entry['key']), one(entry['value'])] as const)
          return ref.kind === 'map' ? new Map(pairs) : Object.fromEntries(pairs as readonly (readonly [string, unknown])[])
        }
      }
      case 'json':
        return unknownFromJson
      case 'nothing':
        return () => undefined
      default:
        return named(ref.name)
    }
  }

  function reading(type: NamedType, alias: (name: string) => string): Way {
    if (type.kind === 'enum') {
      const values = new Map(Array.from(identifiersFor(type.values, ENUM_WORDS), ([value, name]) => [name, value]))
      return (value) => found(values.get(value as string), `none of ${type.name}`)
    }
    if (type.kind === 'union') {
      const ways = new Map(
        type.members.map((member, at) => {
          const own = member.type.kind === 'named' ? types.get(member.type.name)! : undefined
          const inside = own !== undefined && (own.kind === 'object' || own.kind === 'tuple')
          const whole = read(member.type)
          const way = inside
            ? reading(own, (name) => aliasOf(at, name))
            : (value: unknown): unknown => whole((value as Json)[aliasOf(at, 'value')])
          return [inside ? own.name : `${type.name}${member.name}`, way] as const
        }),
      )
      return (value) => found(ways.get((value as Json)['__typename'] as string), `none of ${type.name}`)(value)
    }
    const parts = partsOf(type.fields, (field) => read(field.type))
    const of = (value: unknown, name: string): unknown => (value as Json)[alias(name)]
    if (type.kind === 'tuple')
      return (value) =>
        parts.flatMap(({ field, name, way }) =>
          field.name === 'rest' ? (way(of(value, name)) as unknown[]) : [way(of(value, name))],
        )
    return (value) => {
      const object: Record<string, unknown> = {}
      for (const { field, name, way } of parts) {
        const given = of(value, name)
        // Absent and null are both null there.
        if (given !== null && given !== undefined) object[field.name] = way(given)
        else if (field.type.nullable) object[field.name] = null
        else if (!field.optional) found(undefined, `without "${field.name}"`)
      }
      return object
    }
  }
}

/** Ways of named types, each compiled when it is first met: a type may contain itself. */
function compiled(types: Types['types'], make: (type: NamedType) => Way): (name: string) => Way {
  const made = new Map<string, Way>()
  return (name) => (value) => {
    let way = made.get(name)
    if (way === undefined) made.set(name, (way = make(types.get(name)!)))
    return way(value)
  }
}

function partsOf(fields: readonly NamedField[], wayOf: (field: NamedField) => Way) {
  const names = identifiersFor(fields.map(({ name }) => name))
  return fields.map((field) => ({ field, name: names.get(field.name)!, way: wayOf(field) }))
}

function found<T>(value: T | undefined, why: string): T {
  if (value === undefined) throw new TypeError(`it is ${why}`)
  return value
}

const TEXT: TypeRef = { kind: 'scalar', scalar: 'string', nullable: false }
