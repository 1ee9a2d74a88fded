/** A contract as plain JSON: kept in a file, it is what the next version is compared with. */
import type { AnyContract, FieldNumbers } from './definition.ts'
import type { ErrorType } from './errors.ts'
import type { AnyEvent } from './event.ts'
import { asDescribed } from './json-schema.ts'
import { command, type AnyOperation, type HttpCache, type OperationPolicy, type OperationKind } from './operation.ts'
import type { AnyRequest } from './request.ts'
import type { AnySchema, JsonSchema } from './schema.ts'

export type ContractDescription = {
  /** Version of this form. */
  readonly dure: 1
  readonly name: string
  readonly version: string
  readonly owner: string
  readonly description?: string
  readonly operations: Readonly<Record<string, OperationDescription>>
  readonly events: Readonly<Record<string, EventDescription>>
  readonly requests?: Readonly<Record<string, RequestDescription>>
  /** Of fields, also of those that are gone: none is given twice. */
  readonly numbers?: FieldNumbers
}

/** What is asked over a queue: its input is that of `version`. */
export type RequestDescription = OperationDescription & Pick<EventDescription, 'version' | 'upcasts' | 'key'>

export type OperationDescription = {
  readonly kind: OperationKind
  readonly input?: JsonSchema
  readonly output?: JsonSchema
  /** Of a channel: what its caller sends. */
  readonly incoming?: JsonSchema
  /** By code. */
  readonly errors: Readonly<Record<string, ErrorDescription>>
  readonly scope?: string
  /** One of these is needed. */
  readonly roles?: readonly string[]
  readonly access?: 'public' | 'authenticated'
  /** Whether a caller may depends on its input as well. */
  readonly authorize?: true
  readonly idempotent: boolean
  /** Milliseconds. */
  readonly deadline: number
  readonly policy?: OperationPolicy
  readonly http?: { readonly routes: readonly string[]; readonly status: number; readonly cache?: HttpCache }
  readonly description?: string
  readonly deprecated?: true
}

export type ErrorDescription = {
  readonly status: string
  readonly http: number
  readonly data?: JsonSchema
  readonly description?: string
}

export type EventDescription = {
  readonly version: number
  readonly schema: JsonSchema
  readonly topic: string
  /** Of the topic, where the contract says how many. */
  readonly partitions?: number
  /** What the key is made of (`{orderId}`), as far as it can be seen. */
  readonly key?: string
  /** Versions that an upcast leads on from. */
  readonly upcasts: readonly number[]
  readonly description?: string
}

/**
 * Describes a contract as plain JSON.
 *
 * @example
 * ```ts
 * import { contract, describeContract, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const { name, operations } = describeContract(Clock) // plain JSON: keep it in a file
 * console.log(name, Object.keys(operations)) // → clock [ 'now' ]
 * ```
 */
export function describeContract(contract: AnyContract): ContractDescription {
  const operations = Object.entries(contract.operations as Record<string, AnyOperation>)
  const { requests = [], numbers } = contract
  return {
    dure: 1,
    name: contract.name,
    version: contract.version,
    owner: contract.owner,
    ...about(contract),
    operations: Object.fromEntries(operations.map(([name, operation]) => [name, describeOperation(operation)])),
    events: Object.fromEntries(contract.events.map((event) => [event.name, describeEvent(event)])),
    ...(requests.length > 0 && { requests: Object.fromEntries(requests.map((each) => [each.name, describeRequest(each)])) }),
    ...(numbers !== undefined && { numbers }),
  }
}

/** As an operation is described, of what both have. */
function describeRequest(request: AnyRequest): RequestDescription {
  const { schema: input, output, errors, description } = request
  const { version, upcasts, key } = describeEvent(request)
  const operation = { ...command({ input, output, errors, idempotent: true }), description, deadline: 0 }
  return { ...describeOperation(operation), version, upcasts, ...(key !== undefined && { key }) }
}

function describeOperation(operation: AnyOperation): OperationDescription {
  const { kind, input, output, incoming, idempotent, deadline, policy, bindings, deprecated } = operation
  const { scope, roles, access, authorize } = operation
  const { http } = bindings
  const errors = Object.values(operation.errors as Record<string, ErrorType<string, AnySchema | undefined>>)
  return {
    kind,
    ...(input !== undefined && { input: asDescribed(input as AnySchema, 'input') }),
    ...(output !== undefined && { output: asDescribed(output as AnySchema, 'output') }),
    ...(incoming !== undefined && { incoming: asDescribed(incoming as AnySchema, 'input') }),
    errors: Object.fromEntries(errors.map((each) => [each.code, describeError(each)])),
    ...(scope !== undefined && { scope }),
    ...(roles !== undefined && { roles: [...roles] }),
    ...(access !== undefined && { access }),
    ...(authorize !== undefined && { authorize: true as const }),
    idempotent,
    deadline,
    ...(policy !== undefined && { policy }),
    ...(http !== undefined && {
      http: { routes: [...http.routes], status: http.status, ...(http.cache !== undefined && { cache: http.cache }) },
    }),
    ...about(operation),
    ...(deprecated && { deprecated: true as const }),
  }
}

function describeError(error: ErrorType<string, AnySchema | undefined>): ErrorDescription {
  const { status, http, data } = error
  return { status, http, ...(data !== undefined && { data: asDescribed(data, 'output') }), ...about(error) }
}

function describeEvent(event: AnyEvent): EventDescription {
  const key = keyOf(event)
  return {
    version: event.version,
    schema: asDescribed(event.schema as AnySchema, 'output'),
    topic: event.topic,
    ...(event.partitions !== undefined && { partitions: event.partitions }),
    ...(key !== undefined && { key }),
    upcasts: Object.keys(event.upcast).map(Number),
    ...about(event),
  }
}

const about = (of: { readonly description: string | undefined }): { description?: string } =>
  of.description === undefined ? {} : { description: of.description }

/**
 * What an event's key is made of. A function cannot be compared, but it can be watched: it is handed something
 * that answers every question with its own name, so `(e) => e.orderId` comes out as `{orderId}`.
 */
export function keyOf(event: AnyEvent): string | undefined {
  const named = (name: string): unknown =>
    new Proxy(() => undefined, {
      get: (_target, key) => {
        if (key === Symbol.toPrimitive) return () => `{${name}}`
        if (key === 'toString' || key === 'valueOf') return () => `{${name}}`
        return typeof key === 'symbol' ? undefined : named(name === '' ? key : `${name}.${key}`)
      },
      apply: () => named(`${name}()`),
    })
  try {
    const key: unknown = event.key(named('') as never)
    return typeof key === 'string' && key.length < 1000 ? key : undefined
  } catch {
    return undefined
  }
}
