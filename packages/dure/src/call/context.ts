import type { Metadata, Principal } from '../contract/contract.ts'
import type { Cancellation } from './cancellation.ts'

/** What travels with every call and every event, hop by hop. */
export type CallContext = {
  /** When it was sent (or arrived here): monotonic milliseconds of the local clock. */
  readonly sentAt: number
  /** When it must be answered: monotonic milliseconds of the local clock. */
  readonly deadline: number
  /** The caller's own end, when it can have one: the callee ends with it. */
  readonly cancellation: Cancellation | undefined
  /** One id for everything that follows from one request. */
  readonly correlationId: string
  /** The message or call that led to this one. */
  readonly causationId: string | undefined
  /** W3C trace context (`00-<trace>-<span>-<flags>`); undefined when nothing is traced. */
  readonly traceparent: string | undefined
  /**
   * Set when caller and callee are in one process: whether the call is sampled, known without building a `traceparent`.
   * It is one span then, which the callee makes. Undefined: the flag in `traceparent` says, and the caller has a span of its own.
   */
  readonly sampled?: boolean | undefined
  /** What other vendors' tracing wants to travel along (W3C `tracestate`). */
  readonly tracestate?: string | undefined
  /** The trace context that its own `traceparent` is a child of, in the process where it was made. */
  readonly parentTrace?: string | undefined
  /** The calling service, or undefined at the door. */
  readonly caller: string | undefined
  /** Given by a client that wants a command to happen once. */
  readonly idempotencyKey: string | undefined
  /** On whose behalf: set by a door, and the same for all that follows. Undefined: nobody has said who it is. */
  readonly principal: Principal | undefined
  /** Set by a door, and the same for all that follows. Undefined: there is none. */
  readonly metadata: Metadata | undefined
}

/** What a caller may say about one call. */
export type CallOptions = {
  /**
   * Milliseconds this call may take, at most 2,147,483,647; never more than what is left of the caller's own deadline. None
   * are left with 0 or less.
   */
  readonly timeout?: number
  /** Cancels the call: the callee's `signal` aborts and the caller gets CANCELLED. */
  readonly signal?: AbortSignal
  /** Makes a repeated command answer as the first did. */
  readonly idempotencyKey?: string
  /** Continues somebody's correlation (doors do this). */
  readonly correlationId?: string
  /** Continues somebody's trace (doors do this). */
  readonly traceparent?: string
  /** Its `tracestate`, which travels along unread. */
  readonly tracestate?: string
}
