/** The fields of an object, whichever way its schema says them: directly, by reference, as variants or as parts. */
import { unlike } from './keywords.ts'
import type { Type } from './type.ts'

export type Field = {
  readonly schema: unknown
  /** One, or what it is in each variant of the object. */
  readonly types: readonly Type[]
  /** In every variant. */
  readonly required: boolean
  /** Can be written as one piece of text: no object, no list. */
  readonly single: boolean
  /** A list of such pieces. */
  readonly list: boolean
}

/** Undefined when the type is not that of an object. */
export function fieldsOf({ variants }: Type): ReadonlyMap<string, Field> | undefined {
  const objects = variants.filter((each) => each.kind === 'object')
  if (objects.length === 0 || objects.length < variants.length) return undefined
  const names = new Set(objects.flatMap(({ fields }) => [...fields.keys()]))
  return new Map(
    Array.from(names, (name) => {
      const types = objects.flatMap(({ fields }) => fields.get(name) ?? [])
      const schemas = unlike(types.map(({ schema }) => schema))
      const required = objects.every((each) => each.fields.has(name) && each.required.has(name))
      const schema = schemas.length === 1 ? schemas[0] : { anyOf: schemas }
      return [name, { schema, types, required, single: types.every(isSingle), list: types.every(isList) }]
    }),
  )
}

const isSingle = ({ variants }: Pick<Type, 'variants'>): boolean =>
  variants.every(({ kind }) => kind !== 'object' && kind !== 'array' && kind !== 'map' && kind !== 'set')

const isList = ({ variants }: Type): boolean =>
  variants.every(
    (each) =>
      (each.kind === 'array' || each.kind === 'set') && each.prefix.length === 0 && isSingle(each.items ?? { variants: [] }),
  )
