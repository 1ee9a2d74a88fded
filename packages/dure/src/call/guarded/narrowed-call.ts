import type { Metadata, Principal } from '../../contract/contract.ts'
import type { Cancellation } from '../cancellation.ts'
import type { CallContext } from '../context.ts'
import { parentOfCall, placeOfCall } from '../tracing.ts'

/** The same call with an end of its own. */
export class NarrowedCall implements CallContext {
  readonly deadline: number
  readonly cancellation: Cancellation | undefined
  readonly #call: CallContext

  constructor(call: CallContext, end: { readonly deadline: number; readonly cancellation: Cancellation | undefined }) {
    this.deadline = end.deadline
    this.cancellation = end.cancellation
    this.#call = call
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
  get tracestate(): string | undefined {
    return this.#call.tracestate
  }
  get parentTrace(): string | undefined {
    return this.#call.parentTrace
  }
  get spanPlace(): ReturnType<typeof placeOfCall> {
    return placeOfCall(this.#call)
  }
  get spanParent(): ReturnType<typeof parentOfCall> {
    return parentOfCall(this.#call)
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
  get metadata(): Metadata | undefined {
    return this.#call.metadata
  }
}
