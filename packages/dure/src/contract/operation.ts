import type { AccessRules } from './access.ts'
import type { DeclaredError, ErrorType } from './errors.ts'
import type { Principal } from './principal.ts'
import type { AnySchema, InputOf, OutputOf } from './schema.ts'

/** `command` changes something, `query` does not, `stream` answers with many values in order, `channel` takes many as well. */
export type OperationKind = 'command' | 'query' | 'stream' | 'channel'

/** Errors an operation may answer with, by the name they have in the contract. */
// oxlint-disable-next-line typescript/no-explicit-any
export type ErrorTypes = Readonly<Record<string, ErrorType<any, any>>>

/** `'POST /orders/{id}'`; the first of several is the one documents show, the rest are accepted as well. */
export type HttpRoute = `${'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} /${string}`
export type HttpMapping = {
  readonly routes: readonly HttpRoute[]
  /** Status of a success: 200 unless said otherwise, 204 when there is no output. */
  readonly status: number
  /** Whether, and for how long, a successful answer to a GET may be given again. Undefined: it is not said. */
  readonly cache?: HttpCache | undefined
  /** What of its requests and answers may stand in the access log of a gateway. */
  readonly log?: HttpLog | undefined
}

/**
 * `bodies`: what the schemas of input and output say, shortened, and without the fields that they mark as somebody's own: `x-personal`, `x-secret` (in Zod:
 * `z.string().meta({ 'x-personal': true })`), `writeOnly`, or the format `password`.
 */
export type HttpLog = 'bodies'

/** For how long an answer of a query may be given again by whoever stands between: browsers, gateways. */
export type HttpCache = {
  /** Milliseconds without asking: whole seconds. */
  readonly fresh: number
  /** Milliseconds beyond that while there is no other. Default 0. */
  readonly stale?: number
  /**
   * True: it is the same for everybody, also for who says who they are. False: it is for one alone, and kept by browsers only. Default:
   * false for an operation with a scope; else the same for all who do not say who they are.
   */
  readonly shared?: boolean
}

/** How doors offer an operation, by protocol. One that has none can be called by services only. */
export type Bindings = {
  readonly http?: HttpMapping
}

/**
 * How calls of an operation should be guarded, by each caller in each process, as far as neither the caller nor its system says
 * otherwise (`policies`, whose words these are): what the callee alone knows.
 */
export type OperationPolicy = {
  /** Calls in `per` milliseconds (default 1,000). */
  readonly rateLimit?: { readonly rate: number; readonly per?: number; readonly burst?: number }
  /** Calls at once, and those that wait for a place. */
  readonly bulkhead?: { readonly concurrency: number; readonly queue?: number }
  /** For an operation that fails for all of its callers or for none. */
  readonly breaker?: {
    readonly minimumCalls?: number
    readonly failureRate?: number
    readonly slowCall?: number
    readonly slowCallRate?: number
  }
  /** Where a caller's limit, or the service itself, has not room for all: low is turned away first, then normal. Default normal. */
  readonly priority?: 'high' | 'normal' | 'low'
}

/** What a service promises to do when asked. Made by `command`, `query`, `stream` or `channel`. */
export type Operation<
  Kind extends OperationKind = OperationKind,
  Input extends AnySchema | undefined = AnySchema | undefined,
  Output extends AnySchema | undefined = AnySchema | undefined,
  Errors extends ErrorTypes = ErrorTypes,
  Incoming extends AnySchema | undefined = AnySchema | undefined,
> = {
  readonly kind: Kind
  readonly input: Input
  readonly output: Output
  /** One of the values that the caller of a channel sends. */
  readonly incoming: Incoming
  readonly errors: Errors
  /** A caller needs this scope: whoever lacks it gets UNAUTHENTICATED or PERMISSION_DENIED, wherever the service runs. */
  readonly scope: string | undefined
  /** The same of roles, one of which is enough, and of having said who it is at all. */
  readonly roles?: readonly string[] | undefined
  readonly access?: AccessRules['access']
  /** Whether this caller may do it with this input, once that is parsed. */
  readonly authorize?: ((principal: Principal, input: never) => boolean) | undefined
  /** True when doing it twice is the same as doing it once: only then may it be retried. Queries and streams are, channels are not. */
  readonly idempotent: boolean
  /** Milliseconds a call may take when its caller says nothing. */
  readonly deadline: number
  /** How its calls should be guarded when their caller says nothing. */
  readonly policy?: OperationPolicy | undefined
  /** Of a parsed input, a text: its calls of one key run one at a time, over all copies of the service. */
  readonly key?: ((input: never) => string) | undefined
  readonly bindings: Bindings
  readonly description: string | undefined
  readonly deprecated: boolean
}

// oxlint-disable-next-line typescript/no-explicit-any
export type AnyOperation = Operation<OperationKind, any, any, any, any>
export type Operations = Readonly<Record<string, AnyOperation>>

type HttpOption =
  | HttpRoute
  | readonly HttpRoute[]
  | {
      readonly routes: HttpRoute | readonly HttpRoute[]
      readonly status?: number
      readonly cache?: HttpCache
      readonly log?: HttpLog
    }

export type OperationOptions<I extends AnySchema | undefined, O extends AnySchema | undefined, E extends ErrorTypes> = {
  readonly input?: I
  readonly output?: O
  readonly errors?: E
  /** A caller needs this scope: `'orders:write'`. */
  readonly scope?: string
  /** A caller needs one of these roles, and the scope as well where there is one. */
  readonly roles?: readonly string[]
  /**
   * `'authenticated'`: whoever has said who it is may call, whatever it may do besides. `'public'`: anybody may, which is so as well
   * where neither this nor a scope, roles or `authorize` are said. Looked at before the input is.
   */
  readonly access?: 'public' | 'authenticated'
  /**
   * Whether this caller may do it with this input: `(principal, input) => principal.subject === input.customerId`. Asked once the input
   * is parsed, of callers that have all of the rest. It looks at nothing else; what has to be looked up is for the handler.
   */
  readonly authorize?: (principal: Principal, input: OutputOf<I>) => boolean
  /** Commands only; queries and streams always are. Default false. */
  readonly idempotent?: boolean
  /** Milliseconds. Default 5,000 (30,000 for a stream or a channel). */
  readonly deadline?: number
  /** How its calls should be guarded when their caller says nothing. Default: not at all. */
  readonly policy?: OperationPolicy
  /**
   * Commands and queries: `(input) => input.cartId`. Calls of one key, of any operation of the service that has one, run one at a time
   * over all of its copies. The service needs a database. Default: calls run as they come.
   */
  readonly key?: (input: OutputOf<I>) => string
  /** `'POST /orders'`: how it is offered over HTTP (its entry of `bindings`). */
  readonly http?: HttpOption
  readonly description?: string
  readonly deprecated?: boolean
}

type Declare<K extends OperationKind> = <
  I extends AnySchema | undefined = undefined,
  O extends AnySchema | undefined = undefined,
  E extends ErrorTypes = {},
>(
  options: OperationOptions<I, O, E>,
) => Operation<K, I, O, E, undefined>

/**
 * An operation that changes something.
 *
 * @example
 * ```ts
 * import { command } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const place = command({ input: z.object({ sku: z.string() }), output: z.string(), idempotent: true })
 * console.log(place.kind, place.idempotent) // → command true
 * ```
 */
export const command: Declare<'command'> = (options) => operation('command', options, options.idempotent ?? false)

/**
 * An operation that only looks.
 *
 * @example
 * ```ts
 * import { query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const find = query({ input: z.string(), output: z.int(), http: 'GET /orders/{id}', deadline: 500 })
 * console.log(find.kind, find.deadline) // → query 500
 * ```
 */
export const query: Declare<'query'> = (options) => operation('query', options, true)

/**
 * An operation that answers with many values, in order: `output` is the schema of one.
 *
 * @example
 * ```ts
 * import { stream } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const watch = stream({ input: z.string(), output: z.object({ price: z.number() }) })
 * console.log(watch.kind) // → stream
 * ```
 */
export const stream: Declare<'stream'> = (options) => operation('stream', options, true)

/** What a channel is made of; over HTTP it cannot be offered. */
export type ChannelOptions<
  I extends AnySchema | undefined,
  N extends AnySchema,
  O extends AnySchema | undefined,
  E extends ErrorTypes,
> = Omit<OperationOptions<I, O, E>, 'http' | 'idempotent' | 'key'> & {
  /** The schema of one value that the caller sends. */
  readonly incoming: N
}

/**
 * An operation with values both ways: after the input, which opens it, its caller sends `incoming` values and the service
 * answers with `output` values, each side at its own pace.
 * @throws {TypeError} when it is to be offered over HTTP
 *
 * @example
 * ```ts
 * import { channel } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const chat = channel({ input: z.object({ room: z.string() }), incoming: z.string(), output: z.string() })
 * console.log(chat.kind, chat.idempotent) // → channel false
 * ```
 */
export function channel<
  N extends AnySchema,
  I extends AnySchema | undefined = undefined,
  O extends AnySchema | undefined = undefined,
  E extends ErrorTypes = {},
>(options: ChannelOptions<I, N, O, E>): Operation<'channel', I, O, E, N> {
  if ((options as { readonly http?: unknown }).http !== undefined)
    throw new TypeError(
      'Cannot define a channel with `http`: HTTP carries no values both ways; leave `http` out, or use a stream',
    )
  return operation<'channel', I, O, E, N>('channel', options, false, options.incoming)
}

function operation<
  K extends OperationKind,
  I extends AnySchema | undefined,
  O extends AnySchema | undefined,
  E extends ErrorTypes,
  N extends AnySchema | undefined = undefined,
>(kind: K, options: OperationOptions<I, O, E>, idempotent: boolean, incoming?: N): Operation<K, I, O, E, N> {
  return Object.freeze({
    kind,
    input: options.input as I,
    output: options.output as O,
    incoming: incoming as N,
    errors: Object.freeze({ ...options.errors }) as E,
    scope: options.scope,
    roles: Array.isArray(options.roles) ? Object.freeze([...options.roles]) : options.roles,
    access: options.access,
    authorize: options.authorize,
    idempotent,
    deadline: options.deadline === undefined ? (kind === 'stream' || kind === 'channel' ? 30_000 : 5_000) : options.deadline,
    policy: options.policy,
    key: options.key,
    bindings: Object.freeze(options.http === undefined ? {} : { http: httpMapping(options.http, options.output) }),
    description: options.description,
    deprecated: options.deprecated ?? false,
  })
}

function httpMapping(http: HttpOption, output: AnySchema | undefined): HttpMapping {
  const { routes, status, cache, log } = typeof http === 'object' && 'routes' in http ? http : { routes: http }
  return Object.freeze({
    routes: Object.freeze(typeof routes === 'string' ? [routes] : [...routes]),
    status: status ?? (output === undefined ? 204 : 200),
    ...(cache !== undefined && { cache: Object.freeze({ ...cache }) }),
    ...(log !== undefined && { log }),
  })
}

/** What a caller hands to an operation. */
export type OperationInput<Op extends AnyOperation> = InputOf<Op['input']>
/** What a handler receives: the input after parsing. */
export type HandlerInput<Op extends AnyOperation> = OutputOf<Op['input']>
/** What a handler gives back: the output before parsing. */
export type HandlerOutput<Op extends AnyOperation> = InputOf<Op['output']>
/** What the caller of a channel sends. */
export type OperationIncoming<Op extends AnyOperation> = InputOf<Op['incoming']>
/** What the handler of a channel receives: each value after parsing. */
export type HandlerIncoming<Op extends AnyOperation> = OutputOf<Op['incoming']>
/** What a caller receives. */
export type OperationOutput<Op extends AnyOperation> = OutputOf<Op['output']>
/** The declared errors of an operation, as a union that `switch (error.code)` narrows. */
export type OperationErrors<Op extends AnyOperation> =
  Op extends Operation<OperationKind, infer _I, infer _O, infer E>
    ? { [K in keyof E]: E[K] extends ErrorType<infer Code, infer D> ? DeclaredError<Code, OutputOf<D>> : never }[keyof E]
    : never
