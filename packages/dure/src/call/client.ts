import { CallError, DeclaredError } from '../contract/contract.ts'
import type {
  AnyContract,
  AnyOperation,
  Contract,
  OperationErrors,
  OperationIncoming,
  OperationInput,
  OperationOutput,
  Operations,
} from '../contract/contract.ts'
import type { AnsweredBy } from '../resilience/resilience.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { ActiveSpan, Tracer } from '../telemetry/internal.ts'
import { CallerCancellation } from './cancellation.ts'
import type { CallOptions } from './context.ts'
import { OUTSIDE, rpcAttributes, sampledBy } from './tracing.ts'
import { refusedOptions } from './options.ts'
import { outgoing, type Caller, type OutgoingCall, type Way } from './outgoing-call.ts'
import { settleWith, startCall, type Settle, type Transport } from './transport.ts'
import { ValueStream, type Failure } from './value-stream.ts'

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
  : Op['kind'] extends 'channel'
    ? /** `incoming` is read no faster than the service reads it, and let go of when the channel is over. */
      (
        input: OperationInput<Op>,
        incoming: AsyncIterable<OperationIncoming<Op>> | Iterable<OperationIncoming<Op>>,
        options?: CallOptions,
      ) => AsyncIterable<OperationOutput<Op>>
    : {
        /** @throws {DeclaredError} of the contract, or {CallError} with a canonical code */
        (...args: Arguments<Op>): Promise<OperationOutput<Op>>
        /** Declared errors come back as a value; everything else still throws. */
        readonly attempt: (...args: Arguments<Op>) => Promise<Attempt<OperationOutput<Op>, OperationErrors<Op>>>
      }

export type Attempt<Value, Failure> =
  | {
      readonly ok: true
      readonly value: Value
      /** Who has answered: not the callee, but a fallback, or what was answered before. Undefined: the callee. */
      readonly from?: Exclude<AnsweredBy, 'callee'>
    }
  | { readonly ok: false; readonly error: Failure }

/**
 * Prepares clients of one contract for one caller: routes are found and operations composed here, once.
 * The result makes a client for each call under way, at the cost of an object.
 */
export function clientFactory<C extends AnyContract>(options: {
  contract: C
  transport: Transport
  runtime: Runtime
  /** Undefined: no spans are made, and trace context passes through as it came. */
  tracer?: Tracer | undefined
}): (caller: Caller) => Client<C> {
  const { contract } = options
  class BoundClient {
    readonly caller: Caller
    constructor(caller: Caller) {
      this.caller = caller
    }
  }
  for (const [name, operation] of Object.entries(contract.operations as Operations)) {
    const way = wayTo({ ...options, name })
    const bind = { channel: bindChannel, stream: bindStream, query: bindCall, command: bindCall }[operation.kind](way)
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

/** Begins a call of one operation for whoever it is, and tells `to` of its end: the same as a client's, without a promise. */
export type StartOperation = (caller: Caller, input: unknown, options: CallOptions, to: Settle) => void

/** Prepares calls of one command or query, once for all who call it. */
export function operationStarter(options: {
  contract: AnyContract
  name: string
  transport: Transport
  runtime: Runtime
  tracer: Tracer | undefined
}): StartOperation {
  const way = wayTo(options)
  const { place, route, tracer } = way
  return (caller, input, options, to) => {
    const refused = refusedOptions(place, options)
    if (refused !== undefined) return to.reject(refused)
    const context = prepared(way, caller, input, options)
    if (tracer === undefined || route.local === true) startCall(route, input, context, to)
    else settleWith(to, followed(way, tracer, input, context))
  }
}

function wayTo(options: {
  contract: AnyContract
  name: string
  transport: Transport
  runtime: Runtime
  tracer?: Tracer | undefined
}): Way {
  const { contract, name, transport, runtime, tracer } = options
  const operation = (contract.operations as Operations)[name]!
  const { kind, idempotent: repeatable, policy } = operation
  const route = transport.route({ service: contract.name, operation: name, kind, repeatable, policy })
  const place = `${contract.name}.${name}`
  return { place, operation, route, runtime, tracer, attributes: rpcAttributes(place) }
}

function prepared(way: Way, caller: Caller, input: unknown, options: CallOptions | undefined): OutgoingCall {
  const { keys } = caller
  const { place, operation } = way
  const keyed = keys !== undefined && operation.kind === 'command' && options?.idempotencyKey === undefined
  const context = outgoing(way, caller, keyed ? { ...options, idempotencyKey: keys(operation, place, input) } : options)
  if (options?.signal !== undefined) context.cancellation = new CallerCancellation(options.signal, context.cancellation)
  return context
}

type CallFunction = (input?: unknown, options?: CallOptions) => Promise<unknown>

function bindCall(way: Way) {
  const { place, route, tracer } = way
  const begin = (input: unknown, context: OutgoingCall): Promise<unknown> => {
    // In this process the callee makes the one span of a call, and tells of what fails; a call that leaves it may fail on
    // the way. Asked anew each time: a service may come to this process, and leave it.
    if (tracer === undefined || route.local === true) return route.call(input, context)
    return followed(way, tracer, input, context)
  }
  const refusal = (options: CallOptions | undefined): CallError | undefined =>
    options === undefined ? undefined : refusedOptions(place, options)
  return (caller: Caller): CallFunction => {
    const call: CallFunction = (input, options) => {
      const refused = refusal(options)
      return refused === undefined ? begin(input, prepared(way, caller, input, options)) : Promise.reject(refused)
    }
    return Object.assign(call, {
      attempt: async (input?: unknown, options?: CallOptions): Promise<Attempt<unknown, DeclaredError>> => {
        const refused = refusal(options)
        if (refused !== undefined) throw refused
        const context = prepared(way, caller, input, options)
        return begin(input, context).then(
          (value) => {
            const { answeredBy: from } = context
            return from === 'callee' ? { ok: true, value } : { ok: true, value, from }
          },
          (error: unknown) => {
            if (error instanceof DeclaredError) return { ok: false, error } as const
            throw error instanceof Error ? error : new CallError('UNKNOWN', `Call to ${place} failed`)
          },
        )
      },
    })
  }
}

function bindStream(way: Way) {
  return (caller: Caller) =>
    (input?: unknown, options?: CallOptions): AsyncIterable<unknown> =>
      openStream(way, caller, input, undefined, options)
}

function bindChannel(way: Way) {
  const { place } = way
  return (caller: Caller) =>
    (input: unknown, source: AsyncIterable<unknown> | Iterable<unknown>, options?: CallOptions): AsyncIterable<unknown> => {
      const refused = refusedSource(place, source)
      return refused === undefined ? openStream(way, caller, input, callerValues(place, source), options) : failed(refused)
    }
}

function openStream(
  way: Way,
  caller: Caller,
  input: unknown,
  sent: SentValues | undefined,
  options: CallOptions | undefined,
): AsyncIterable<unknown> {
  const { place, route, tracer } = way
  const refused = options === undefined ? undefined : refusedOptions(place, options)
  if (refused !== undefined) return failed(refused)
  const context = outgoing(way, caller, options)
  if (options?.signal !== undefined) context.cancellation = new CallerCancellation(options.signal, context.cancellation)
  const begin = tracer === undefined || route.local === true ? undefined : () => beginTelling(way, tracer, context)
  const values = route.stream(input, context, sent?.values)
  if (begin === undefined && sent === undefined) return values
  return {
    [Symbol.asyncIterator]: () => {
      let tell: ((error: unknown) => void) | undefined
      return new ValueStream({
        open: () => {
          tell = begin?.()
          return values[Symbol.asyncIterator]()
        },
        // Whatever the callee made of it, its caller hears of its own failure.
        ended: () => sent?.failure,
        failed: (thrown) =>
          sent?.failure !== undefined && (thrown as CallError).code === 'CANCELLED' ? sent.failure.error : thrown,
        over: (failure) => tell?.(failure?.error),
      })
    },
  }
}

/** What the caller of a channel sends, as the way to its callee reads it, and what its source has thrown. */
type SentValues = { readonly values: ValueStream; failure: Failure | undefined }

function callerValues(place: string, source: AsyncIterable<unknown> | Iterable<unknown>): SentValues {
  const values = new ValueStream({
    open: () => (Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()),
    failed: (error) => {
      // The callee comes to it after the values before; what it was is its caller's own.
      sent.failure = { error }
      return new CallError('CANCELLED', `Call to ${place} was ended: what its caller sends has failed`)
    },
  })
  const sent: SentValues = { values, failure: undefined }
  return sent
}

function refusedSource(place: string, source: unknown): CallError | undefined {
  const given = source as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined
  if (typeof (given?.[Symbol.asyncIterator] ?? given?.[Symbol.iterator]) === 'function') return undefined
  const words = `Call to ${place} was refused: what it sends is not iterable; give an async iterable, or a list`
  return new CallError('INVALID_ARGUMENT', words)
}

/** A stream that could not begin. */
function failed(error: CallError): AsyncIterable<never> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) }
}

function beginSent({ place, attributes }: Way, tracer: Tracer, context: OutgoingCall): ActiveSpan {
  const sampled = sampledBy(context, tracer)
  const shape = { name: place, kind: 'client', service: context.caller ?? OUTSIDE, attributes } as const
  const { tracestate, sentAt: at, traceparent: own } = context
  return tracer.begin({ ...shape, parent: context.parentTrace, own, tracestate, at }, sampled)
}

async function followed(way: Way, tracer: Tracer, input: unknown, context: OutgoingCall): Promise<unknown> {
  const tell = beginTelling(way, tracer, context)
  try {
    const value = await way.route.call(input, context)
    tell(undefined)
    return value
  } catch (error) {
    tell(error ?? new CallError('UNKNOWN', `Call to ${way.place} failed`))
    throw error
  }
}

/** Begins its span. A stream's lasts to where its caller had seen enough. */
function beginTelling(way: Way, tracer: Tracer, context: OutgoingCall): (error: unknown) => void {
  const span = beginSent(way, tracer, context)
  context.leave()
  return (error) => span.end(error)
}
