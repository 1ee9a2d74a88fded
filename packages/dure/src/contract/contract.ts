/**
 * What a service promises: operations, events, errors. A contract is a value; types, validation,
 * clients, documents and the compatibility gate all come from it.
 */
import type { Contract, ContractOptions } from './definition.ts'
import type { AnyEvent } from './event.ts'
import type { Operations } from './operation.ts'
import { checkContract } from './check.ts'

export type { AnyContract, Contract, ContractOptions, FieldNumbers } from './definition.ts'
export { channel, command, query, stream } from './operation.ts'
export type {
  AnyOperation,
  Bindings,
  ChannelOptions,
  ErrorTypes,
  HandlerIncoming,
  HandlerInput,
  HandlerOutput,
  HttpCache,
  HttpLog,
  HttpMapping,
  HttpRoute,
  Operation,
  OperationErrors,
  OperationIncoming,
  OperationInput,
  OperationKind,
  OperationOptions,
  OperationOutput,
  OperationPolicy,
  Operations,
} from './operation.ts'
export { event } from './event.ts'
export type { AnyEvent, EventData, EventInput, EventOptions, EventType, Retention } from './event.ts'
export { request } from './request.ts'
export type { AnyRequest, RequestAnswer, RequestErrors, RequestOptions, RequestOutput, RequestType } from './request.ts'
export { CallError, DeclaredError, error, STATUSES } from './errors.ts'
export type { ErrorOptions, ErrorType, Status } from './errors.ts'
export type { Message } from './message.ts'
export type { Metadata } from './metadata.ts'
export { PERSONAL, SECRET } from './private.ts'
export type { Principal, PrincipalKind } from './principal.ts'
export type { AnySchema, InputOf, Issue, JsonSchema, OutputOf, Schema, Side } from './schema.ts'
export { ContractError } from './check.ts'
export type { ContractProblem } from './check.ts'
export { openapi } from './openapi.ts'
export type { DocumentOptions, OpenApiOptions } from './openapi.ts'
export { asyncapi } from './asyncapi.ts'
export type { AsyncApiOptions, AsyncReader, AsyncServers } from './asyncapi.ts'
export { describeContract } from './describe.ts'
export type { ContractDescription, ErrorDescription, EventDescription, OperationDescription } from './describe.ts'
export { compareContracts, versionTrouble } from './compat.ts'
export type { Change } from './compat.ts'

/**
 * Defines a contract, and refuses one that could not be kept under every placement.
 * @throws {ContractError} naming every place that is wrong, what was found there and what to use instead
 *
 * @example
 * ```ts
 * import { command, contract, error, event, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const OrderPlaced = event('order.placed', { schema: z.object({ orderId: z.string() }), key: (e) => e.orderId })
 * const OutOfStock = error('OUT_OF_STOCK')
 *
 * const Orders = contract('orders', {
 *   version: '1.0.0',
 *   owner: 'team-checkout',
 *   operations: {
 *     place: command({ input: z.object({ sku: z.string() }), output: z.string(), errors: { OutOfStock } }),
 *     find: query({ input: z.string(), output: z.int() }),
 *   },
 *   events: [OrderPlaced],
 * })
 * console.log(Orders.name, Object.keys(Orders.operations)) // → orders [ 'place', 'find' ]
 * ```
 */
export function contract<
  const Name extends string,
  Ops extends Operations,
  const Events extends readonly AnyEvent[] = readonly [],
>(name: Name, options: ContractOptions<Ops, Events>): Contract<Name, Ops, Events> {
  const value: Contract<Name, Ops, Events> = {
    name,
    version: options.version,
    owner: options.owner,
    description: options.description,
    operations: Object.freeze({ ...options.operations }),
    events: Object.freeze([...(options.events ?? [])]) as unknown as Events,
    requests: Object.freeze([...(options.requests ?? [])]),
    ...(options.numbers !== undefined && { numbers: options.numbers }),
  }
  checkContract(value)
  return Object.freeze(value)
}
