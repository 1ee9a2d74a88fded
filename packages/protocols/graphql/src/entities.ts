/** Types that all parts of a federated graph know by their keys. */
import type { AnyContract } from 'dure/contract'
import { identifiersFor, typesOf, type TypeTable } from 'dure/contract/internal'
import type { GraphQLScalarType } from 'graphql'
import { SCALARS } from './scalars.ts'

export type Entity = {
  readonly contract: AnyContract
  /** A query that answers a list of the type: of many keys, what there is of each. */
  readonly operation: string
  /** Fields that tell one from all others: `['id']`, `['sellerId', 'productId']`. */
  readonly key: readonly string[]
  /** The input for many keys, each once: objects of these fields. */
  readonly input: (keys: readonly never[]) => unknown
}

/** By the name of the type. A door answers those whose contract it serves; it knows the others by their keys alone. */
export type Federation = Readonly<Record<string, Entity>>

export type KnownEntity = Entity & {
  /** Of the type. */
  readonly name: string
  /** Its contract is served here. */
  readonly here: boolean
  /** Of the key: the contract's names, and GraphQL's. */
  readonly fields: readonly { readonly name: string; readonly field: string; readonly type: GraphQLScalarType }[]
}

/** @throws {TypeError} for one that no query answers, or that has no such key */
export function knownEntities(
  federation: Federation,
  { contracts, table }: { readonly contracts: readonly AnyContract[]; readonly table: TypeTable },
): readonly KnownEntity[] {
  return Object.entries(federation).map(([name, entity]) => {
    const { contract, operation, key } = entity
    const here = contracts.some((one) => one.name === contract.name)
    const { types, operations } = here ? table : typesOf([contract])
    const wrong = (why: string): TypeError => new TypeError(`Cannot make "${name}" an entity: ${why}`)
    const to = operations.find((one) => one.contract.name === contract.name && one.name === operation)
    if (to?.operation.kind !== 'query' || to.output.kind !== 'list')
      throw wrong(`${contract.name}.${operation} is no query that answers a list`)
    const { items } = to.output
    const type = items.kind === 'named' ? types.get(items.name) : undefined
    if (type?.kind !== 'object' || type.name !== name)
      throw wrong(`${contract.name}.${operation} answers a list of ${type === undefined ? 'what has no name' : `"${type.name}"`}`)
    if (!here && table.types.has(name))
      throw wrong(`a contract that is served here has a type of that name, and "${contract.name}" is not served here`)
    if (key.length === 0) throw wrong('its key has no field')
    const names = identifiersFor(type.fields.map((one) => one.name))
    const fields = key.map((part) => {
      const field = type.fields.find((one) => one.name === part)
      if (field?.type.kind !== 'scalar' || field.type.nullable || field.optional)
        throw wrong(`it has no "${part}" that is always one text, number or other scalar, as a field of its key has to be`)
      return { name: part, field: names.get(part)!, type: SCALARS[field.type.scalar] }
    })
    return { ...entity, name, here, fields }
  })
}

/** The entity of another part that an operation answers. */
export function elsewhere(
  entities: readonly KnownEntity[],
  { contract, operation }: Pick<Entity, 'contract' | 'operation'>,
): KnownEntity | undefined {
  return entities.find((one) => !one.here && one.contract.name === contract.name && one.operation === operation)
}
