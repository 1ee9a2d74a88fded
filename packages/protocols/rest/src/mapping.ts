import type { AnyOperation } from 'dure/contract'
import { fieldsOf, shown, typeOf, wireOf, type Route, type Type, type Wire } from 'dure/contract/internal'
import { coercion, type Coercion } from './coerce.ts'

/** How one route carries the input of its operation: what a request is written by and read by. */
export type Mapping = {
  readonly input: MappedInput | undefined
  /** What is in neither path nor body is in the query. */
  readonly hasBody: boolean
  readonly pathParameters: readonly string[]
}

/** The type is of the schema that documents show. */
export type MappedInput = { readonly wire: Wire; readonly type: Type }

export function mappingOf(operation: AnyOperation, { method, parameters }: Route): Mapping {
  return {
    input:
      operation.input === undefined
        ? undefined
        : { wire: wireOf(operation.input, 'input'), type: typeOf(shown(operation.input, 'input')) },
    hasBody: method !== 'GET' && method !== 'DELETE',
    pathParameters: parameters,
  }
}

/** How the text of each field, in path or query, becomes its JSON form; undefined when the type has no fields. */
export function coercionsOf(type: Type): ReadonlyMap<string, Coercion> | undefined {
  const fields = fieldsOf(type)
  return fields && new Map(Array.from(fields, ([name, field]) => [name, coercion(field.types)]))
}
