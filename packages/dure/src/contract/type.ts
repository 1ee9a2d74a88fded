/**
 * What a schema says of its values, read once (see type-of.ts): references followed, alternatives side by side, parts of an
 * intersection made one. Codecs, comparison, parameters and the checks of doors read this instead of JSON Schema.
 */
import type { JsonSchema } from './schema.ts'

export type Type = {
  /** As it stands, with its description, its default and what else is said of it; empty when nothing is. */
  readonly schema: JsonSchema
  /** `undefined` is a value of it. */
  readonly optional: boolean
  /** A value may be shared with the schema itself, or frozen. */
  readonly shared: boolean
  /** Each value is of one of them. The same list wherever one definition is referred to. */
  readonly variants: readonly Variant[]
}

export type ObjectVariant = Said & {
  readonly kind: 'object'
  readonly fields: ReadonlyMap<string, Type>
  readonly required: ReadonlySet<string>
  /** Of keys that are not named; undefined when the schema drops or refuses them. */
  readonly rest: Type | undefined
  /** Refuses them. */
  readonly closed: boolean
}

export type ArrayVariant = Said & {
  readonly kind: 'array' | 'set'
  readonly prefix: readonly Type[]
  /** Undefined when there are none after those of the prefix. */
  readonly items: Type | undefined
}

/** What values of one type are, in the words of JSON Schema and of the wire types. `opaque`: too entangled to be said. */
export type Variant =
  | ObjectVariant
  | ArrayVariant
  | (Said & { readonly kind: 'map'; readonly key: Type; readonly value: Type })
  | (Said & {
      readonly kind: 'string' | 'number' | 'integer' | 'boolean' | 'null' | 'date' | 'bigint' | 'bytes' | 'undefined'
    })
  | (Said & { readonly kind: 'unknown' | 'opaque' })

type Said = {
  /** Its bounds, formats and patterns. */
  readonly schema: JsonSchema
  /** The one value it allows, if it is one. */
  readonly literal?: string | number | boolean | null
}

export const opaque = (schema: JsonSchema): Variant => ({ kind: 'opaque', schema })

/** The variants are read when they are asked for, for types may contain themselves; what is nothing but itself is opaque. */
export function makeType(type: Omit<Type, 'variants'>, read: () => readonly Variant[]): Type {
  let variants: readonly Variant[] | undefined
  return {
    ...type,
    get variants() {
      if (variants === undefined) {
        variants = [opaque(type.schema)]
        variants = read()
      }
      return variants
    },
  }
}
