/** Fields that lead from what one operation answers to what another does: those of one level are one call. */
import type { AnyContract } from 'dure/contract'
import { unknownToJson, type TypeTable } from 'dure/contract/internal'
import type { OperationDoor } from 'dure/door/internal'
import {
  GraphQLNonNull,
  type GraphQLFieldConfig,
  type GraphQLNullableOutputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
} from 'graphql'
import { elsewhere, type KnownEntity } from './entities.ts'
import { callField, type RequestContext, type Waiting } from './request.ts'

export type Link = {
  readonly contract: AnyContract
  /** A query that answers a list: of many keys, what there is of each. */
  readonly operation: string
  /** From an object: the key of what it leads to, or an object of its parts; undefined: it leads nowhere, which is null. */
  readonly key: (from: never) => unknown
  /** The input for many keys, each once. */
  readonly input: (keys: readonly never[]) => unknown
  /** The key of one of the answers. */
  readonly keyOf: (answer: never) => unknown
  /** Leads to all answers of the key, as a list. Default: to the one, or null. */
  readonly many?: boolean
}

/** By the type that they lead from, and the field's name. */
export type Links = Readonly<Record<string, Readonly<Record<string, Link>>>>

/** How many keys are asked for at once, and told apart in what is answered. */
export type Batch = Pick<Link, 'input' | 'keyOf'>

type Linked = { readonly link: Link; readonly door: OperationDoor; readonly answer: GraphQLOutputType }

/** @throws {TypeError} for a link that leads from or to what there is not */
export function checkLinks(links: Links, { types, operations }: TypeTable, entities: readonly KnownEntity[]): void {
  for (const [type, fields] of Object.entries(links)) {
    const own = types.get(type)
    const from = own?.kind === 'object' ? own : entities.find((one) => one.name === type)
    if (from === undefined)
      throw new TypeError(
        `Cannot link from "${type}": the contracts have no object of that name; they have ${[...types.keys()].join(', ')}`,
      )
    for (const [field, link] of Object.entries(fields)) {
      const { contract, operation } = link
      const to = operations.find((one) => one.contract.name === contract.name && one.name === operation)
      const other = elsewhere(entities, link)
      if (other !== undefined && link.many === true)
        throw new TypeError(
          `Cannot link "${type}.${field}" to many of "${other.name}": only ${contract.name} knows them; link from there`,
        )
      if (other === undefined && (to?.operation.kind !== 'query' || to.output.kind !== 'list'))
        throw new TypeError(
          `Cannot link "${type}.${field}" to ${contract.name}.${operation}: it is no query here that answers a list`,
        )
      if (from.fields.some(({ name }) => name === field))
        throw new TypeError(`Cannot link "${type}.${field}": the type has a field of that name`)
    }
  }
}

export function linkField({ link, door, answer }: Linked): GraphQLFieldConfig<unknown, RequestContext> {
  const item = (answer as { readonly ofType: GraphQLOutputType }).ofType
  const type =
    link.many === true
      ? new GraphQLNonNull(answer as GraphQLNullableOutputType)
      : item instanceof GraphQLNonNull
        ? item.ofType
        : item
  return {
    type: type as GraphQLOutputType,
    resolve: async (from, _, context, { path }) => {
      const key = link.key(from as never)
      if (key === undefined || key === null) return link.many === true ? [] : null
      const answers = await load(link, door, context, key, String(path.key))
      return link.many === true ? answers : (answers[0] ?? null)
    },
  }
}

/** A field that leads to an entity of another part of the graph: it answers the key. */
export function referenceField(
  { key: keyFrom }: Link,
  { fields }: KnownEntity,
  type: GraphQLObjectType,
): GraphQLFieldConfig<unknown, RequestContext> {
  const [first, ...more] = fields
  return {
    type,
    resolve: (from) => {
      const key = keyFrom(from as never)
      if (key === undefined || key === null) return null
      return more.length > 0 ? key : { [first!.name]: key }
    },
  }
}

/** All there is of a key; the keys that are asked for on one level are one call. */
export function load(
  batch: Batch,
  door: OperationDoor,
  context: RequestContext,
  key: unknown,
  path: string,
): Promise<readonly unknown[]> {
  let waiting = context.loaders.get(batch)
  if (waiting === undefined) {
    const fresh: Waiting = new Map()
    context.loaders.set(batch, (waiting = fresh))
    // After all resolvers of the level have said their keys: promises that are settled are seen to first.
    setImmediate(() => {
      context.loaders.delete(batch)
      void answerAll(batch, door, context, fresh, path)
    })
  }
  const identity = identityOf(key)
  let asked = waiting.get(identity)
  if (asked === undefined) waiting.set(identity, (asked = { key, ...Promise.withResolvers<readonly unknown[]>() }))
  return asked.promise
}

/** Keys of several parts are one key when their parts are alike. */
function identityOf(key: unknown): unknown {
  if (typeof key !== 'object' || key === null) return key
  return JSON.stringify(Object.entries(unknownToJson(key) as object).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

async function answerAll(
  batch: Batch,
  door: OperationDoor,
  context: RequestContext,
  waiting: Waiting,
  path: string,
): Promise<void> {
  try {
    const answers = (await callField(door, context, {
      input: () => batch.input(Array.from(waiting.values(), ({ key }) => key) as never[]),
      path,
    })) as readonly unknown[]
    const byKey = Map.groupBy(answers, (answer) => identityOf(batch.keyOf(answer as never)))
    for (const [identity, { resolve }] of waiting) resolve(byKey.get(identity) ?? [])
  } catch (error) {
    for (const { reject } of waiting.values()) reject(error)
  }
}
