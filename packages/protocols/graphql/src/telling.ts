/** Which member of a union a value is. */
import type { NamedField, Scalar, TypeRef, TypeTable, UnionMember } from 'dure/contract/internal'

export function telling(types: TypeTable['types']): (member: UnionMember, value: unknown) => boolean {
  return isOf

  function isOf({ tells, type }: UnionMember, value: unknown): boolean {
    if (tells !== undefined) return (value as Record<string, unknown> | null)?.[tells.field] === tells.value
    return fits(type, value)
  }

  function fits(ref: TypeRef, value: unknown): boolean {
    switch (ref.kind) {
      case 'scalar':
        return IS[ref.scalar](value)
      case 'list':
        return Array.isArray(value)
      case 'set':
        return value instanceof Set
      case 'map':
        return value instanceof Map
      case 'record':
        return typeof value === 'object' && value !== null
      case 'named': {
        const type = types.get(ref.name)!
        if (type.kind === 'enum') return type.values.includes(value as string)
        if (type.kind === 'union') return type.members.some((one) => isOf(one, value))
        if (type.kind === 'tuple') return Array.isArray(value)
        const has = (field: NamedField): boolean => {
          const own = (value as Record<string, unknown>)[field.name]
          return own === undefined || own === null ? field.optional || field.type.nullable : fits(field.type, own)
        }
        return typeof value === 'object' && value !== null && !Array.isArray(value) && type.fields.every(has)
      }
      default:
        return true
    }
  }
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
