/** A schema of GraphQL from contracts: queries, commands as mutations, streams as subscriptions. */
import type { AnyContract } from 'dure/contract'
import { typesOf, type OperationTypes, type TypeTable } from 'dure/contract/internal'
import type { OperationDoor } from 'dure/door/internal'
import {
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLSchema,
  printSchema,
  type GraphQLFieldConfig,
  type GraphQLInputFieldConfig,
} from 'graphql'
import { elsewhere, knownEntities, type Entity, type Federation } from './entities.ts'
import { inputTypes } from './input-types.ts'
import { checkLinks, linkField, referenceField, type Links } from './links.ts'
import { camel } from './names.ts'
import { entriesIn, outputTypes } from './output-types.ts'
import { callField, type RequestContext } from './request.ts'
import { Done } from './scalars.ts'
import { referenceType, subgraphFields, subgraphText } from './subgraph.ts'

type Field = GraphQLFieldConfig<unknown, RequestContext>

const ROOTS = { query: 'Query', command: 'Mutation', stream: 'Subscription' } as const

export type SchemaOptions = {
  readonly contracts: readonly AnyContract[]
  readonly links?: Links | undefined
  /** Makes it one part of a federated graph. */
  readonly federation?: Federation | undefined
  /** How the operations are called; left out for a schema that is only shown. */
  readonly doorOf?: ((operation: OperationTypes) => OperationDoor) | undefined
  /** Whether whoever asks is told of the schema. Default true. */
  readonly introspection?: boolean | undefined
}

export type Drawn = {
  /** What is run. */
  readonly schema: GraphQLSchema
  /** What is shown, in GraphQL's own language. */
  readonly text: () => string
}

/** @throws {TypeError} for links and entities that lead nowhere, and when the contracts have nothing that GraphQL could ask */
export function schemaOf(options: SchemaOptions): Drawn {
  const { contracts, links = {}, federation, doorOf = () => NO_DOOR, introspection = true } = options
  const table = typesOf(contracts)
  const entities = knownEntities(federation ?? {}, { contracts, table })
  checkLinks(links, table, entities)
  const output = outputTypes(table, linksFrom)
  const references = new Map(
    entities.flatMap((one) => (one.here ? [] : [[one.name, referenceType(one, () => linksFrom(one.name))] as const])),
  )
  const { argumentsOf } = inputTypes(table, output.enumOf)
  const doors = new Map(table.operations.map((one) => [`${one.contract.name}.${one.name}`, doorOf(one)]))

  function linksFrom(type: string): Record<string, Field> {
    return Object.fromEntries(
      Object.entries(links[type] ?? {}).map(([name, link]) => {
        const other = elsewhere(entities, link)
        if (other !== undefined) return [name, referenceField(link, other, references.get(other.name)!)]
        const place = `${link.contract.name}.${link.operation}`
        const to = operationAt(table, place)
        const answer = output.typeOf({ ...to.output, nullable: true })
        return [name, linkField({ link, door: doors.get(place)!, answer })]
      }),
    )
  }

  function fieldOf(one: OperationTypes): Field {
    const { operation, contract, name } = one
    const { args, read } = argumentsOf(one.input)
    const door = doors.get(`${contract.name}.${name}`)!
    const shown = entriesIn(one.output)
    const call: NonNullable<Field['resolve']> = (_, given, context, { path }) =>
      callField(door, context, { input: () => read(given), path: String(path.key) })
    const type = one.output.kind === 'nothing' ? new GraphQLNonNull(Done) : output.typeOf(one.output)
    const isShown = one.output.kind === 'nothing' || shown !== undefined
    const show = (value: unknown): unknown => (one.output.kind === 'nothing' ? true : (shown?.(value) ?? value))
    return {
      type,
      args: args as Record<string, GraphQLInputFieldConfig>,
      description: operation.description,
      ...(operation.deprecated ? { deprecationReason: 'It is going to be removed' } : {}),
      ...(operation.kind === 'stream'
        ? { subscribe: call, resolve: show }
        : { resolve: isShown ? async (...given: Parameters<typeof call>) => show(await call(...given)) : call }),
    }
  }

  const rootOf = (kind: keyof typeof ROOTS): GraphQLObjectType | undefined => {
    const own = table.operations.filter(({ operation }) => operation.kind === kind)
    if (own.length === 0) return undefined
    const fields = own.map((one) => [camel(one.contract.name, one.name), fieldOf(one)] as const)
    return new GraphQLObjectType({ name: ROOTS[kind], fields: Object.fromEntries(fields) })
  }
  const query = rootOf('query')
  if (query === undefined)
    throw new TypeError(`Cannot make a schema of GraphQL: it has to have a query, and ${namesOf(contracts)} has none`)
  // What only leads on from an entity of another part, nothing here leads to.
  const types = Array.from(references).flatMap(([name, type]) => (Object.hasOwn(links, name) ? [type] : []))
  const parts = { mutation: rootOf('command'), subscription: rootOf('stream'), types }
  const schema = new GraphQLSchema({ query, ...parts })
  if (federation === undefined) return { schema, text: () => printSchema(schema) }
  const answers = ({ contract, operation }: Entity): OperationDoor => doors.get(`${contract.name}.${operation}`)!
  const subgraph = { schema, entities, links, shown: introspection, doorOf: answers }
  const { fields, ...same } = query.toConfig()
  const asked = new GraphQLObjectType({ ...same, fields: { ...fields, ...subgraphFields(subgraph) } })
  return { schema: new GraphQLSchema({ query: asked, ...parts }), text: () => subgraphText(subgraph) }
}

/**
 * The schema of contracts in GraphQL's own language: what `dure docs --format graphql` writes. With `federation` it is the text that a
 * supergraph is composed of.
 *
 * @example
 * ```ts
 * import { graphqlDocument } from '@dure/graphql'
 * import { contract, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * console.log(graphqlDocument([Clock]).includes('clockNow: DateTime!')) // → true
 * ```
 */
export function graphqlDocument(
  contracts: readonly AnyContract[],
  { links, federation }: Pick<SchemaOptions, 'links' | 'federation'> = {},
): string {
  return `${schemaOf({ contracts, links, federation }).text()}\n`
}

function operationAt({ operations }: TypeTable, place: string): OperationTypes {
  return operations.find(({ contract, name }) => `${contract.name}.${name}` === place)!
}

const namesOf = (contracts: readonly AnyContract[]): string => contracts.map(({ name }) => `"${name}"`).join(', ') || 'the system'

const NO_DOOR = undefined as unknown as OperationDoor
