/** Which member of a union a value is, for protocols that say it. */
import type { NamedField, Scalar, TypeRef, TypeTable, UnionMember } from './types-of.ts'

/**
 * Finds the member by what tells it from the others, else by what the value has: one that has all of the value's fields comes before
 * one that would lose some. Undefined when it is none of them.
 */
export function memberFinder({
  types,
}: Pick<TypeTable, 'types'>): (members: readonly UnionMember[], value: unknown) => UnionMember | undefined {
  return memberOf

  function memberOf(members: readonly UnionMember[], value: unknown): UnionMember | undefined {
    return members.find((one) => isOf(one, value, true)) ?? members.find((one) => isOf(one, value, false))
  }

  function isOf({ tells, type }: UnionMember, value: unknown, whole: boolean): boolean {
    if (tells !== undefined) return (value as Record<string, unknown> | null | undefined)?.[tells.field] === tells.value
    return fits(type, value, whole)
  }

  function fits(ref: TypeRef, value: unknown, whole: boolean): boolean {
    if (value === null && ref.nullable) return true
    const each = (part: TypeRef) => (one: unknown) => fits(part, one, whole)
    switch (ref.kind) {
      case 'scalar':
        return IS[ref.scalar](value)
      case 'list':
        return Array.isArray(value) && value.every(each(ref.items))
      case 'set':
        return value instanceof Set && [...value].every(each(ref.items))
      case 'map':
        return value instanceof Map && [...value.keys()].every(each(ref.key)) && [...value.values()].every(each(ref.value))
      case 'record':
        return isPlain(value) && Object.values(value).every(each(ref.value))
      case 'named':
        return fitsNamed(ref.name, value, whole)
      case 'nothing':
        return value === undefined
      default:
        return true
    }
  }

  function fitsNamed(name: string, value: unknown, whole: boolean): boolean {
    const type = types.get(name)!
    if (type.kind === 'enum') return type.values.includes(value as string)
    if (type.kind === 'union') return type.members.some((one) => isOf(one, value, whole))
    const isAbsent = (one: unknown): boolean => one === undefined
    const has = (field: NamedField, own: unknown): boolean =>
      isAbsent(own) ? field.optional || field.type.kind === 'json' : fits(field.type, own, whole)
    if (type.kind === 'tuple') {
      const rest = type.fields.at(-1)?.name === 'rest'
      return (
        Array.isArray(value) &&
        (rest || value.length <= type.fields.length) &&
        type.fields.every((field, at) => has(field, field.name === 'rest' ? value.slice(at) : value[at]))
      )
    }
    if (!isPlain(value)) return false
    if (whole && Object.keys(value).some((key) => type.fields.every((field) => field.name !== key))) return false
    return type.fields.every((field) => has(field, Object.hasOwn(value, field.name) ? value[field.name] : undefined))
  }
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const IS: Readonly<Record<Scalar, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  int32: Number.isInteger,
  int64: Number.isInteger,
  double: (value) => typeof value === 'number',
  date: (value) => value instanceof Date,
  bigint: (value) => typeof value === 'bigint',
  bytes: (value) => value instanceof Uint8Array,
}
