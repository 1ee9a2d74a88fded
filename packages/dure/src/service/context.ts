import { type CallContext, type Transport } from '../call/call.ts'
import {
  clientFactory,
  fetchFactory,
  httpFactory,
  placeOfCall,
  type Caller,
  type CallKeys,
  type Cancellation,
} from '../call/internal.ts'
import type { AnySchema, Metadata, OutputOf, Principal } from '../contract/contract.ts'
import { NO_METADATA } from '../contract/internal.ts'
import type { Runtime, Timers } from '../runtime/runtime.ts'
import type { Logger, Meter } from '../telemetry/telemetry.ts'
import { createMeter, traceIdOf, type ServiceMeter, type Tracer } from '../telemetry/internal.ts'
import type { Needs } from './definition.ts'

/** Makes the context of one call; `operation` is undefined for a reaction to an event, whose commands carry `keys`. */
export type MakeContext = (call: CallContext, cancellation: Cancellation, operation?: string, keys?: CallKeys) => object

const NARROW = Symbol('narrow')
const OFFERED = Symbol('offered')
const CALL = Symbol('call')
const SCHEMA = Symbol('schema')

/** The settings of a service. */
export type Settings = { readonly schema: AnySchema; readonly now: () => unknown }

/** What an extension of this kind offers to the handlers of a service; undefined when the context is of no handler of it. */
export function offeredIn(context: object, kind: object): unknown {
  return (context as { readonly [OFFERED]?: ReadonlyMap<object, unknown> })[OFFERED]?.get(kind)
}

/** The call that a context is of, with whatever end; undefined when it is not the context of a handler. */
export function callOf(context: object): CallContext | undefined {
  return (context as { readonly [CALL]?: CallContext })[CALL]
}

/**
 * The settings in a context whose type does not say them: in a step of a saga, a schedule.
 * @throws {TypeError} when the service that it is of has other settings, or none
 *
 * @example
 * ```ts
 * import { liveValues } from 'dure/config'
 * import { contract, query } from 'dure/contract'
 * import { configOf, service, start, system } from 'dure/service'
 * import { silentLogger } from 'dure/telemetry'
 * import { z } from 'zod'
 *
 * const Greeter = contract('greeter', { version: '1.0.0', owner: 'greetings', operations: { greet: query({ output: z.string() }) } })
 * const Settings = z.object({ word: z.string() })
 * const greeter = service(Greeter, { config: Settings, handlers: { greet: (_, context) => configOf(context, Settings).word } })
 * const config = [liveValues({ 'greeter.word': 'Hello' })]
 * const running = await start(system('greetings', { services: [greeter], config }), { directory: '.dure', log: silentLogger() })
 * console.log(await running.client(Greeter).greet()) // → Hello
 * await running.stop()
 * ```
 */
export function configOf<S extends AnySchema>(context: object, schema: S): OutputOf<S> {
  const { config, [SCHEMA]: own } = context as { readonly config?: OutputOf<S>; readonly [SCHEMA]?: AnySchema }
  if (own === schema) return config as OutputOf<S>
  throw new TypeError(
    `Cannot read settings: the service has ${own === undefined ? 'none; give it a "config"' : 'others; name the schema that its "config" names'}`,
  )
}

/** For who works on several things for one call: the same context with an end of its own, and timers to wait for it. */
export type Narrow = {
  readonly timers: Timers
  readonly to: (end: Pick<CallContext, 'deadline'> & { readonly cancellation: Cancellation }) => object
}

/** Undefined when it is not the context of a handler. */
export function narrowing(context: object): Narrow | undefined {
  return (context as { readonly [NARROW]?: Narrow })[NARROW]
}

/**
 * Prepares the contexts of one service's handlers: what all calls share sits on a prototype made once,
 * and a client or the database is bound to a call only when its handler reaches for it.
 */
export function contextFactory(options: {
  service: string
  needs: Needs
  transport: Transport
  runtime: Runtime
  log: Logger
  /** The service's database as seen by one call, if it has one. */
  database: ((context: CallContext, operation: string | undefined, call: CallContext) => unknown) | undefined
  tracer: Tracer | undefined
  /** Default: names are checked, and nothing is measured. */
  meter?: ServiceMeter | undefined
  /** By the kinds of its extensions. */
  offered?: ReadonlyMap<object, unknown>
  /** What its settings are now, and the schema that they are of. */
  settings?: Settings | undefined
}): MakeContext {
  const { service, needs, transport, runtime, database, tracer, settings, log } = options
  const meter = options.meter ?? createMeter({ service, metrics: undefined, clock: runtime.clock, log }).meter

  class HandlerCall implements CallContext {
    readonly deadline: number
    readonly cancellation: Cancellation
    readonly #call: CallContext
    readonly #operation: string | undefined
    readonly #keys: CallKeys | undefined
    /** As they were when the call began: whoever looks twice sees the same. */
    declare readonly config: unknown

    constructor(
      call: CallContext,
      cancellation: Cancellation,
      operation: string | undefined,
      keys: CallKeys | undefined,
      deadline = call.deadline,
      config: unknown = settings?.now(),
    ) {
      this.deadline = deadline
      this.cancellation = cancellation
      this.#call = call
      this.#operation = operation
      this.#keys = keys
      if (settings !== undefined) this.config = config
    }

    static database(call: HandlerCall): unknown {
      return database?.(call, call.#operation, call.#call)
    }

    static caller(call: HandlerCall): Caller {
      return { service, parent: call, keys: call.#keys }
    }

    get [OFFERED](): ReadonlyMap<object, unknown> | undefined {
      return options.offered
    }

    get [SCHEMA](): AnySchema | undefined {
      return settings?.schema
    }

    get [CALL](): CallContext {
      return this.#call
    }

    get [NARROW](): Narrow {
      return {
        timers: runtime.timers,
        to: (end) => new HandlerCall(this.#call, end.cancellation, this.#operation, this.#keys, end.deadline, this.config),
      }
    }

    get sentAt(): number {
      return this.#call.sentAt
    }

    get correlationId(): string {
      return this.#call.correlationId
    }

    get causationId(): string | undefined {
      return this.#call.causationId
    }

    get traceparent(): string | undefined {
      return this.#call.traceparent
    }

    get sampled(): boolean | undefined {
      return this.#call.sampled
    }

    get spanPlace(): ReturnType<typeof placeOfCall> {
      return placeOfCall(this.#call)
    }

    get tracestate(): string | undefined {
      return this.#call.tracestate
    }

    get caller(): string | undefined {
      return this.#call.caller
    }

    get idempotencyKey(): string | undefined {
      return this.#call.idempotencyKey
    }

    get principal(): Principal | undefined {
      return this.#call.principal
    }

    get metadata(): Metadata {
      return this.#call.metadata ?? NO_METADATA
    }

    get signal(): AbortSignal {
      return this.cancellation.signal
    }

    get log(): Logger {
      return log.with({ correlationId: this.correlationId, traceId: traceIdOf(this.traceparent) })
    }

    get metrics(): Meter {
      return meter(this.sampled === false ? undefined : this.traceparent)
    }
  }
  Object.assign(HandlerCall.prototype, { clock: runtime.clock, ids: runtime.ids, random: runtime.random })

  const lazily = (name: string, make: (call: HandlerCall) => unknown): void => defineLazily(HandlerCall.prototype, name, make)
  for (const [name, make] of Object.entries({ fetch: fetchFactory, http: httpFactory }))
    lazily(name, make({ service, runtime, tracer }))
  for (const [name, contract] of Object.entries(needs)) {
    const clientFor = clientFactory({ contract, transport, runtime, tracer })
    lazily(name, (call) => clientFor(HandlerCall.caller(call)))
  }
  if (database !== undefined) lazily('database', HandlerCall.database)

  return (call, cancellation, operation, keys) => new HandlerCall(call, cancellation, operation, keys)
}

/** Made when a call first reaches for it, once. */
function defineLazily<Call extends object>(prototype: Call, name: string, make: (call: Call) => unknown): void {
  Object.defineProperty(prototype, name, {
    get(this: Call) {
      const value = make(this)
      Object.defineProperty(this, name, { value })
      return value
    },
  })
}
