/** What GraphQL has no scalar for, in the form that JSON has on every wire of Dure. */
import type { Scalar } from 'dure/contract/internal'
import { unknownFromJson, unknownToJson } from 'dure/contract/internal'
import { GraphQLBoolean, GraphQLError, GraphQLFloat, GraphQLInt, GraphQLScalarType, GraphQLString } from 'graphql'

function scalar<T>(
  name: string,
  description: string,
  how: { readonly out: (value: T) => unknown; readonly read: (value: unknown) => T | undefined },
): GraphQLScalarType {
  const read = (value: unknown): T => {
    const found = how.read(value)
    if (found === undefined) throw new GraphQLError(`${name} cannot be ${JSON.stringify(value)?.slice(0, 40)}: ${description}`)
    return found
  }
  return new GraphQLScalarType<T, unknown>({
    ...{ name, description },
    coerceOutputValue: (value) => how.out(value as T),
    coerceInputValue: read,
  })
}

const DATE = /^[+-]?\d{4,6}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const Long = scalar<number>('Long', 'a whole number of at most 53 bits', {
  out: (value) => value,
  read: (value) => (typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined),
})
const DateTime = scalar<Date>('DateTime', 'a moment as in ISO 8601, "2026-11-30T08:15:00Z"', {
  out: (value) => value.toISOString(),
  read: (value) => {
    const date = typeof value === 'string' && DATE.test(value) ? new Date(value) : undefined
    return date === undefined || Number.isNaN(date.getTime()) ? undefined : date
  },
})
const BigInteger = scalar<bigint>('BigInt', 'a whole number of any size, in decimal digits as text', {
  out: String,
  read: (value) => (typeof value === 'string' && /^-?\d{1,1000}$/.test(value) ? BigInt(value) : undefined),
})
const Base64 = scalar<Uint8Array>('Base64', 'bytes in Base64, as in RFC 4648 section 4', {
  out: (value) => Buffer.from(value).toString('base64'),
  read: (value) => (typeof value === 'string' && BASE64.test(value) ? new Uint8Array(Buffer.from(value, 'base64')) : undefined),
})

/** Anything that travels. */
export const Json: GraphQLScalarType = scalar<unknown>('JSON', 'any value; what JSON cannot hold is tagged', {
  out: unknownToJson,
  // Absent and `undefined` are one here; the contract judges what came.
  read: (value) => unknownFromJson(value) ?? null,
})

/** What a gateway knows of an entity: its type, and its key. */
export type Reference = Readonly<Record<string, unknown>> & { readonly __typename: string }

export const Reference: GraphQLScalarType = scalar<Reference>('_Any', 'an object with `__typename` and the fields of a key', {
  out: (value) => value,
  read: (value) =>
    typeof value === 'object' && value !== null && '__typename' in value && typeof value.__typename === 'string'
      ? (value as Reference)
      : undefined,
})

/** What stands for no value, where GraphQL wants one. */
export const Done: GraphQLScalarType = scalar<true>('Done', '`true`: it was done, and there is nothing to say', {
  out: () => true,
  read: () => true,
})

export const SCALARS: Readonly<Record<Scalar, GraphQLScalarType>> = {
  string: GraphQLString,
  boolean: GraphQLBoolean,
  int32: GraphQLInt,
  int64: Long,
  double: GraphQLFloat,
  date: DateTime,
  bigint: BigInteger,
  bytes: Base64,
}
