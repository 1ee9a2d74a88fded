/** The handlers of a service that somebody else serves as GraphQL: any door before them translates. */
import { CallError, contract as define, query, type AnyContract } from 'dure/contract'
import { typesOf } from 'dure/contract/internal'
import { requestHeaders } from 'dure/door/internal'
import { BYTES, checkNumbers, httpAddress, readBytes } from 'dure/runtime/internal'
import type { Handlers, ServiceContext } from 'dure/service'
import { buildSchema, type GraphQLSchema } from 'graphql'
import { camel } from '../names.ts'
import { schemaOf } from '../schema.ts'
import { answerReader, type GraphqlAnswer } from './answer.ts'
import { documentOf, type Asked } from './document.ts'
import { readerOf } from './values.ts'

export type GraphqlHandlersOptions = {
  /** Where it is asked: `https://billing.example/graphql`. */
  readonly address: string
  /** Its schema in GraphQL's own language, where it is not the one that a door of Dure draws from the contract. */
  readonly schema?: string
  /** Which field of it an operation is: `{ byId: 'invoice' }`. Default: `billingById`, with the contract's name. */
  readonly fields?: Readonly<Record<string, string>>
  /** The header `authorization` of a request. Default: what stands before the `@` of the address, if anything does. */
  readonly authorization?: (call: Pick<ServiceContext, 'principal' | 'metadata'>) => string | undefined
  /** Bytes of an answer, at most. Default 4 MiB. */
  readonly answer?: number
}

const MOST_BYTES = 4 * 1_048_576
/** A schema has to have a query; a contract need not. */
const Nothing = define('nothing', { version: '1.0.0', owner: 'dure', operations: { asked: query({}) } })

/**
 * Makes handlers that call a GraphQL service: queries and mutations, each asked for all that the contract says it answers. Deadline,
 * trace, correlation and idempotency key go along, and its errors come back as the contract's declared errors and canonical codes.
 * @throws {TypeError} when the address cannot be used, or the schema has not what the contract says
 *
 * @example
 * ```ts
 * import { graphqlHandlers } from '@dure/graphql'
 * import { contract, query } from 'dure/contract'
 * import { service } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Zones = contract('zones', { version: '1.0.0', owner: 'team-time', operations: { find: query({ input: z.object({ id: z.string() }), output: z.string() }) } })
 * const schema = 'type Query { zone(id: ID!): String! }'
 * const handlers = graphqlHandlers(Zones, { address: 'https://time.example/graphql', schema, fields: { find: 'zone' } })
 * console.log(service(Zones, { handlers }).contract.name) // → zones
 * ```
 */
export function graphqlHandlers<C extends AnyContract>(contract: C, options: GraphqlHandlersOptions): Handlers<C, {}, undefined> {
  const { answer = MOST_BYTES, fields = {} } = options
  checkNumbers(`call "${contract.name}" over GraphQL`, { answer }, { answer: BYTES })
  const { base, authorization } = httpAddress(`GraphQL service "${contract.name}"`, options.address)
  const table = typesOf([contract])
  const others = table.operations.filter(({ operation: { kind } }) => kind !== 'query' && kind !== 'command')
  if (others.length > 0)
    throw new TypeError(
      `Cannot call "${contract.name}" over GraphQL: ${others.map(({ name }) => name).join(', ')} answer more than once, which is not asked of others; leave them out of the contract`,
    )
  const schema =
    options.schema === undefined ? schemaOf({ contracts: [contract, Nothing] }).schema : schemaIn(contract, options.schema)
  const reader = readerOf(table)
  const foreign: Foreign = {
    address: base + new URL(options.address).search,
    most: answer,
    authorization: options.authorization ?? (() => authorization),
  }
  const handlers = table.operations.map((one) => {
    const field = fields[one.name] ?? camel(contract.name, one.name)
    const asked = documentOf(one, { schema, table, field })
    return [one.name, handlerOf(`${contract.name}.${one.name}`, { foreign, asked, read: answerReader(one, reader) })]
  })
  return Object.fromEntries(handlers) as Handlers<C, {}, undefined>
}

function schemaIn(contract: AnyContract, text: string): GraphQLSchema {
  try {
    return buildSchema(text)
  } catch (error) {
    throw new TypeError(`Cannot call "${contract.name}" over GraphQL: its schema cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

type Foreign = {
  readonly address: string
  readonly most: number
  readonly authorization: NonNullable<GraphqlHandlersOptions['authorization']>
}

function handlerOf(
  place: string,
  { foreign, asked, read }: { foreign: Foreign; asked: Asked; read: (answer: GraphqlAnswer) => unknown },
): (input: unknown, context: ServiceContext) => Promise<unknown> {
  return async (input, context) => {
    const allowed = foreign.authorization(context)
    const said = requestHeaders(context, context.deadline - context.clock.monotonic(), {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json',
      ...(allowed !== undefined && { authorization: allowed }),
    })
    if (!said.ok) throw new CallError('INVALID_ARGUMENT', `Call to ${place} was refused: ${said.why}`)
    // The request's own span comes in its place.
    const { traceparent: _, tracestate: __, ...headers } = said.headers
    const response = await context.fetch(foreign.address, {
      ...{ method: 'POST', headers, redirect: 'manual' },
      body: JSON.stringify({ query: asked.text, variables: asked.variables(input) }),
    })
    const bytes = await readBytes(response, foreign.most).catch((error: unknown) => {
      throw error instanceof RangeError ? new CallError('INTERNAL', `Call to ${place} failed: ${error.message}`) : error
    })
    const found = read({ place, field: asked.field, http: response.status, bytes })
    if (found instanceof Error) throw found
    return found
  }
}
