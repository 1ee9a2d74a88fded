/**
 * A schema as one part of a federated graph, whose gateway asks it for its text and for entities by their keys: a subgraph of Apollo
 * Federation 2, https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec
 */
import type { OperationDoor } from 'dure/door/internal'
import {
  GraphQLError,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLString,
  GraphQLUnionType,
  Kind,
  parse,
  print,
  printSchema,
  visit,
  type ConstDirectiveNode,
  type GraphQLFieldConfig,
  type GraphQLSchema,
} from 'graphql'
import type { KnownEntity } from './entities.ts'
import { load, type Batch, type Links } from './links.ts'
import type { RequestContext } from './request.ts'
import { Reference } from './scalars.ts'

type Field = GraphQLFieldConfig<unknown, RequestContext>
type Fields = Record<string, Field>

export type Subgraph = {
  readonly schema: GraphQLSchema
  readonly entities: readonly KnownEntity[]
  readonly links: Links
  /** What answers an entity. */
  readonly doorOf: (entity: KnownEntity) => OperationDoor
  /** Whether the text is shown to whoever asks. */
  readonly shown: boolean
}

/** An entity of another part: its key, and what leads on from it here. */
export function referenceType({ name, fields }: KnownEntity, linked: () => Fields): GraphQLObjectType {
  const own = fields.map(({ name: part, field, type }): [string, Field] => [
    field,
    { type: new GraphQLNonNull(type), resolve: (from) => (from as Readonly<Record<string, unknown>>)[part] },
  ])
  return new GraphQLObjectType({ name, fields: () => ({ ...Object.fromEntries(own), ...linked() }) })
}

/** Whether it can be asked for here: it is answered here, or something leads on from it. */
const isAsked = ({ name, here }: KnownEntity, links: Links): boolean => here || Object.hasOwn(links, name)

/** The fields of `Query` that gateways ask for. */
export function subgraphFields(subgraph: Subgraph): Fields {
  const { schema, entities, links, doorOf, shown } = subgraph
  const service = new GraphQLObjectType({ name: '_Service', fields: { sdl: { type: new GraphQLNonNull(GraphQLString) } } })
  const text = subgraphText(subgraph)
  const serviceField: Field = {
    type: new GraphQLNonNull(service),
    resolve: () => {
      if (shown) return { sdl: text }
      throw new GraphQLError('Cannot show the schema: this door tells nobody; compose it from the text that its owner draws')
    },
  }
  const asked = entities.filter((one) => isAsked(one, links))
  if (asked.length === 0) return { _service: serviceField }

  // Beside the answers: what leads on from one is to see what its contract has, and no more.
  const types = new WeakMap<object, string>()
  const byName = new Map(asked.map((one) => [one.name, { entity: one, batch: batchOf(one) }]))
  const find = async (reference: Reference, context: RequestContext, path: string): Promise<object | null> => {
    const { __typename: name } = reference
    const known = byName.get(name)
    if (known === undefined)
      throw wrong(`Cannot find a "${name.slice(0, 80)}": the entities here are ${[...byName.keys()].join(', ')}`)
    const { entity, batch } = known
    const key = keyIn(entity, reference)
    const answer = entity.here ? (await load(batch, doorOf(entity), context, key, path))[0] : key
    if (typeof answer !== 'object' || answer === null) return null
    types.set(answer, name)
    return answer
  }
  const union = new GraphQLUnionType({
    name: '_Entity',
    types: asked.map(({ name }) => schema.getType(name) as GraphQLObjectType),
    resolveType: (answer) => types.get(answer as object),
  })
  const entitiesField: Field = {
    type: new GraphQLNonNull(new GraphQLList(union)),
    args: { representations: { type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(Reference))) } },
    resolve: (_, { representations }, context, { path }) =>
      (representations as readonly Reference[]).map((one) => find(one, context, String(path.key))),
  }
  return { _service: serviceField, _entities: entitiesField }
}

function batchOf({ input, fields }: KnownEntity): Batch {
  return {
    input,
    keyOf: (answer: Readonly<Record<string, unknown>>) => Object.fromEntries(fields.map(({ name }) => [name, answer[name]])),
  }
}

/** The key that a reference has, in values of the contract. @throws {GraphQLError} for one that is not whole */
function keyIn({ name, fields }: KnownEntity, reference: Reference): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    fields.map(({ name: part, field, type }) => {
      const value = Object.hasOwn(reference, field) ? reference[field] : undefined
      if (value === undefined || value === null) throw wrong(`Cannot find a "${name}": the reference has no "${field}"`)
      return [part, type.coerceInputValue(value)]
    }),
  )
}

const wrong = (message: string): GraphQLError => new GraphQLError(message, { extensions: { code: 'INVALID_ARGUMENT' } })

/** Of the specification, the earliest version that has all that is used here. */
const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.0", import: ["@key", "@shareable"])'

/** Composition knows what GraphQL had in 2021, and what is said to it. */
const ONE_OF = 'directive @oneOf on INPUT_OBJECT'

/** The schema in GraphQL's own language, with what composition needs to know of its types. */
export function subgraphText({ schema, entities, links }: Pick<Subgraph, 'schema' | 'entities' | 'links'>): string {
  const roots = new Set([schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].map((one) => one?.name))
  const keys = new Map(
    entities.map((one) => {
      const fields = one.fields.map(({ field }) => field).join(' ')
      return [one.name, `@key(fields: "${fields}"${isAsked(one, links) ? '' : ', resolvable: false'})`]
    }),
  )
  const document = visit(parse(printSchema(schema)), {
    [Kind.OBJECT_TYPE_DEFINITION]: (node) => {
      const { value } = node.name
      if (roots.has(value)) return undefined
      // What is no entity is a value, and alike wherever its contract's type is used.
      return { ...node, directives: [...(node.directives ?? []), ...directives(keys.get(value) ?? '@shareable')] }
    },
  })
  const text = print(document)
  return [LINK, ...(text.includes(' @oneOf {') ? [ONE_OF] : []), text].join('\n\n')
}

function directives(text: string): readonly ConstDirectiveNode[] {
  const [definition] = parse(`scalar Any ${text}`).definitions
  return definition?.kind === Kind.SCALAR_TYPE_DEFINITION ? (definition.directives ?? []) : []
}
