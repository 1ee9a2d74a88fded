import { CallError, DeclaredError } from '../contract/contract.ts'
import type {
  AnyContract,
  AnyOperation,
  Contract,
  OperationErrors,
  OperationInput,
  OperationOutput,
  Operations,
} from '../contract/contract.ts'
import type { Ids, Runtime } from '../runtime/runtime.ts'
import { followSignal, type Cancellation } from './cancellation.ts'
import type { CallContext, CallOptions } from './context.ts'
import type { Route, Transport } from './transport.ts'

/** A typed client of a contract: local or remote, it cannot tell. */
export type Client<C extends AnyContract> =
  C extends Contract<string, infer Ops extends Operations> ? { readonly [K in keyof Ops]: ClientOperation<Ops[K]> } : never

type Arguments<Op extends AnyOperation> =
  undefined extends OperationInput<Op>
    ? [input?: OperationInput<Op>, options?: CallOptions]
    : [input: OperationInput<Op>, options?: CallOptions]

/** One operation, as its callers see it. */
export type ClientOperation<Op extends AnyOperation> = Op['kind'] extends 'stream'
  ? (...args: Arguments<Op>) => AsyncIterable<OperationOutput<Op>>
  : {
      /** @throws {DeclaredError} of the contract, or {CallError} with a canonical code */
      (...args: Arguments<Op>): Promise<OperationOutput<Op>>
      /** Declared errors come back as a value; everything else still throws. */
      readonly attempt: (...args: Arguments<Op>) => Promise<Attempt<OperationOutput<Op>, OperationErrors<Op>>>
    }

export type Attempt<Value, Failure> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: Failure }

/** Where calls come from: the service and, inside a handler, the call that leads to them. */
export type Caller = {
  /** The calling service; undefined at the door. */
  readonly service: string | undefined
  /** The call under way: its deadline bounds, its end ends, its correlation continues. */
  readonly parent?: (CallContext & { readonly cancellation: Cancellation | undefined }) | undefined
}

/**
 * Prepares clients of one contract for one caller: routes are found and operations composed here, once.
 * The result makes a client for each call under way, at the cost of an object.
 */
export function clientFactory<C extends AnyContract>(options: {
  contract: C
  transport: Transport
  runtime: Runtime
}): (caller: Caller) => Client<C> {
  const { contract, transport, runtime } = options
  class BoundClient {
    readonly caller: Caller
    constructor(caller: Caller) {
      this.caller = caller
    }
  }
  for (const [name, operation] of Object.entries(contract.operations as Operations)) {
    const repeatable = operation.kind !== 'command' || operation.idempotent
    const route = transport.route({ service: contract.name, operation: name, repeatable })
    const place = `${contract.name}.${name}`
    const bind =
      operation.kind === 'stream' ? bindStream(place, operation, route, runtime) : bindCall(place, operation, route, runtime)
    // A getter: most handlers use one or two of a client's operations, so the rest are never made.
    Object.defineProperty(BoundClient.prototype, name, {
      enumerable: true,
      get(this: BoundClient) {
        const bound = bind(this.caller)
        Object.defineProperty(this, name, { value: bound, enumerable: true })
        return bound
      },
    })
  }
  return (caller) => new BoundClient(caller) as unknown as Client<C>
}

type CallFunction = (input?: unknown, options?: CallOptions) => Promise<unknown>

function bindCall(place: string, operation: AnyOperation, route: Route, runtime: Runtime) {
  const send = (caller: Caller, input: unknown, options: CallOptions | undefined): Promise<unknown> => {
    const context = outgoing(operation, runtime, caller, options)
    if (options?.signal === undefined) return route.call(input, context)
    const { cancellation, release } = followSignal(options.signal)
    joinParent(caller, cancellation)
    context.cancellation = cancellation
    return route.call(input, context).finally(release)
  }
  return (caller: Caller): CallFunction => {
    const call: CallFunction = (input, options) => send(caller, input, options)
    return Object.assign(call, {
      attempt: (input?: unknown, options?: CallOptions): Promise<Attempt<unknown, DeclaredError>> =>
        send(caller, input, options).then(
          (value) => ({ ok: true, value }) as const,
          (error: unknown) => {
            if (error instanceof DeclaredError) return { ok: false, error } as const
            throw error instanceof Error ? error : new CallError('UNKNOWN', `Call to ${place} failed`)
          },
        ),
    })
  }
}

function bindStream(_place: string, operation: AnyOperation, route: Route, runtime: Runtime) {
  return (caller: Caller) =>
    (input?: unknown, options?: CallOptions): AsyncIterable<unknown> => {
      const context = outgoing(operation, runtime, caller, options)
      if (options?.signal === undefined) return route.stream(input, context)
      const { cancellation } = followSignal(options.signal)
      joinParent(caller, cancellation)
      context.cancellation = cancellation
      return route.stream(input, context)
    }
}

/** A signal given for one call does not free that call from its caller's own end. */
function joinParent(caller: Caller, cancellation: Cancellation): void {
  caller.parent?.cancellation?.add({ onCancel: (reason) => cancellation.cancel(reason) })
}

function outgoing(operation: AnyOperation, runtime: Runtime, caller: Caller, options: CallOptions | undefined): OutgoingCall {
  const now = runtime.clock.monotonic()
  const own = now + (options?.timeout ?? operation.deadline)
  const parent = caller.parent
  const deadline = parent === undefined || own < parent.deadline ? own : parent.deadline
  return new OutgoingCall(now, deadline, caller.service, parent, options, runtime.ids)
}

/** The context of one call. Its correlation id is made only when somebody reads it. */
class OutgoingCall implements CallContext {
  readonly sentAt: number
  readonly deadline: number
  cancellation: Cancellation | undefined
  readonly causationId: string | undefined
  readonly traceparent: string | undefined
  readonly caller: string | undefined
  readonly idempotencyKey: string | undefined
  readonly #ids: Ids
  readonly #parent: CallContext | undefined
  #correlationId: string | undefined

  constructor(
    now: number,
    deadline: number,
    caller: string | undefined,
    parent: CallContext | undefined,
    options: CallOptions | undefined,
    ids: Ids,
  ) {
    this.sentAt = now
    this.deadline = deadline
    this.cancellation = parent?.cancellation
    this.causationId = parent?.causationId
    this.traceparent = options?.traceparent ?? parent?.traceparent
    this.caller = caller
    this.idempotencyKey = options?.idempotencyKey
    this.#ids = ids
    this.#parent = parent
    this.#correlationId = options?.correlationId
  }

  get correlationId(): string {
    return (this.#correlationId ??= this.#parent?.correlationId ?? this.#ids.next())
  }
}
