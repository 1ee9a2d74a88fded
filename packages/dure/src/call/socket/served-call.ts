import type { Metadata, Principal } from '../../contract/contract.ts'
import { Cancellation } from '../cancellation.ts'
import type { CallContext } from '../context.ts'
import type { BodyReader } from './frames.ts'
import { HAS_CAUSATION, HAS_CORRELATION, HAS_KEY, HAS_TRACE, HAS_TRACESTATE } from './protocol.ts'

/** One call that came over the wire, in one object: what came with it, and its caller's end. */
export class ServedCall extends Cancellation implements CallContext {
  readonly sentAt: number
  readonly deadline: number
  readonly correlationId: string
  readonly causationId: string | undefined
  readonly traceparent: string | undefined
  readonly caller: string | undefined
  readonly idempotencyKey: string | undefined
  readonly tracestate: string | undefined
  readonly principal: Principal | undefined = undefined
  readonly metadata: Metadata | undefined = undefined
  /** Bytes that it takes up, about. */
  readonly size: number

  constructor(options: {
    now: number
    left: number
    caller: string | undefined
    flags: number
    body: BodyReader
    newId: () => string
    size: number
  }) {
    super()
    const { now, flags, body } = options
    this.sentAt = now
    this.size = options.size
    this.deadline = now + options.left
    this.caller = options.caller
    this.correlationId = (flags & HAS_CORRELATION) !== 0 ? body.text() : options.newId()
    this.causationId = (flags & HAS_CAUSATION) !== 0 ? body.text() : undefined
    this.traceparent = (flags & HAS_TRACE) !== 0 ? body.text() : undefined
    this.idempotencyKey = (flags & HAS_KEY) !== 0 ? body.text() : undefined
    this.tracestate = (flags & HAS_TRACESTATE) !== 0 ? body.text() : undefined
  }

  get cancellation(): Cancellation {
    return this
  }
}
