/** Fields that lead from what one operation answers to what another does: those of one level are one call. */
import type { AnyContract } from 'dure/contract'
import type { TypeTable } from 'dure/contract/internal'
import type { OperationDoor } from 'dure/door/internal'
import { GraphQLNonNull, type GraphQLFieldConfig, type GraphQLNullableOutputType, type GraphQLOutputType } from 'graphql'
import { callField, type RequestContext, type Waiting } from './request.ts'

export type Link = {
  readonly contract: AnyContract
  /** A query that answers a list: of many keys, what there is of each. */
  readonly operation: string
  /** From an object: the key of what it leads to; undefined: it leads nowhere, which is null. */
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

type Linked = { readonly link: Link; readonly door: OperationDoor; readonly answer: GraphQLOutputType }

/** @throws {TypeError} for a link that leads from or to what there is not */
export function checkLinks(links: Links, { types, operations }: TypeTable): void {
  for (const [type, fields] of Object.entries(links)) {
    const from = types.get(type)
    if (from?.kind !== 'object')
      throw new TypeError(
        `Cannot link from "${type}": the contracts have no object of that name; they have ${[...types.keys()].join(', ')}`,
      )
    for (const [field, { contract, operation }] of Object.entries(fields)) {
      const to = operations.find((one) => one.contract.name === contract.name && one.name === operation)
      if (to?.operation.kind !== 'query' || to.output.kind !== 'list')
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

function load(link: Link, door: OperationDoor, context: RequestContext, key: unknown, path: string): Promise<readonly unknown[]> {
  let waiting = context.loaders.get(link)
  if (waiting === undefined) {
    const fresh: Waiting = { keys: new Map() }
    context.loaders.set(link, (waiting = fresh))
    // After all resolvers of the level have said their keys: promises that are settled are seen to first.
    setImmediate(() => {
      context.loaders.delete(link)
      void answerAll(link, door, context, fresh, path)
    })
  }
  let asked = waiting.keys.get(key)
  if (asked === undefined) waiting.keys.set(key, (asked = Promise.withResolvers()))
  return asked.promise
}

async function answerAll(
  link: Link,
  door: OperationDoor,
  context: RequestContext,
  { keys }: Waiting,
  path: string,
): Promise<void> {
  try {
    const answers = (await callField(door, context, {
      input: () => link.input([...keys.keys()] as never[]),
      path,
    })) as readonly unknown[]
    const byKey = Map.groupBy(answers, (answer) => link.keyOf(answer as never))
    for (const [key, { resolve }] of keys) resolve(byKey.get(key) ?? [])
  } catch (error) {
    for (const { reject } of keys.values()) reject(error)
  }
}
