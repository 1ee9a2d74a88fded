import { clientFactory, type CallContext, type Caller, type Cancellation, type Transport } from '../call/call.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { Needs } from './definition.ts'

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
  database: ((call: CallContext) => unknown) | undefined
}): (call: CallContext, cancellation: Cancellation) => object {
  const { service, needs, transport, runtime, database } = options

  class HandlerCall implements CallContext {
    readonly deadline: number
    readonly cancellation: Cancellation
    readonly correlationId: string
    readonly causationId: string | undefined
    readonly traceparent: string | undefined
    readonly caller: string | undefined
    readonly idempotencyKey: string | undefined

    constructor(call: CallContext, cancellation: Cancellation) {
      this.deadline = call.deadline
      this.cancellation = cancellation
      this.correlationId = call.correlationId
      this.causationId = call.causationId
      this.traceparent = call.traceparent
      this.caller = call.caller
      this.idempotencyKey = call.idempotencyKey
    }

    get signal(): AbortSignal {
      return this.cancellation.signal
    }

    get log(): Logger {
      return options.log.with({ correlationId: this.correlationId })
    }

    get clock() {
      return runtime.clock
    }

    get ids() {
      return runtime.ids
    }
  }

  const lazily = (name: string, make: (call: HandlerCall) => unknown): void => {
    Object.defineProperty(HandlerCall.prototype, name, {
      get(this: HandlerCall) {
        const value = make(this)
        Object.defineProperty(this, name, { value })
        return value
      },
    })
  }
  for (const [name, contract] of Object.entries(needs)) {
    const clientFor = clientFactory({ contract, transport, runtime })
    lazily(name, (call) => clientFor({ service, parent: call } satisfies Caller))
  }
  if (database !== undefined) lazily('database', database)

  return (call, cancellation) => new HandlerCall(call, cancellation)
}
