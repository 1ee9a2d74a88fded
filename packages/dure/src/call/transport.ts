import type { OperationKind, OperationPolicy } from '../contract/contract.ts'
import type { CallContext } from './context.ts'

/**
 * The Transport port: carries calls to where the callee runs. Values crossing it are of the wire type
 * system and isolated; failures are `CallError` or `DeclaredError`; the callee is ended when the deadline
 * passes or the caller's cancellation fires, and the caller always hears of it.
 */
export type Transport = {
  /** The way to one operation, found once per caller and operation, not once per call. */
  readonly route: (target: Target) => Route
  /** Whether an operation of this name runs here now; a transport that cannot tell does not have it. */
  readonly has?: (target: Target) => boolean
  /** Whether a service of this name runs here now, in whatever release. */
  readonly runs?: (service: string) => boolean
}

export type Target = {
  readonly service: string
  readonly operation: string
  readonly kind?: OperationKind
  /** May be sent twice: a query, or a command declared idempotent. */
  readonly repeatable?: boolean
  /** How the callee would have its calls guarded. */
  readonly policy?: OperationPolicy | undefined
  /** The id of the one instance that is to take the call, and no other; it is not sent again. */
  readonly instance?: string
}

export type StartCall = (input: unknown, context: CallContext, to: Settle) => void

/** Whoever waits for the end of a call: one of the two is called, once. */
export type Settle = {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

export type Route = {
  readonly call: (input: unknown, context: CallContext) => Promise<unknown>
  /** The same without a promise, where there is a way; it may end before this has returned. */
  readonly start?: StartCall
  /**
   * A stream, or with `incoming` a channel, begun when the first value is asked for. The callee runs ahead of its caller by
   * a window at most (`credit.ts`), and so does what is read of `incoming`: opened when the callee asks for its first
   * value, and let go of (`return`) when the callee wants no more or the call is over.
   */
  readonly stream: (input: unknown, context: CallContext, incoming?: AsyncIterable<unknown>) => AsyncIterable<unknown>
  /** True when the callee is in this process and itself tells of calls that fail; else the caller does. */
  readonly local?: boolean
}

/** Begins a call by any route. */
export function startCall(route: Route, input: unknown, context: CallContext, to: Settle): void {
  if (route.start !== undefined) return route.start(input, context, to)
  settleWith(to, route.call(input, context))
}

export function settleWith(to: Settle, work: Promise<unknown>): void {
  work.then(
    (value) => to.resolve(value),
    (error: unknown) => to.reject(error as Error),
  )
}

/** The same call as a promise. */
export function promised(start: StartCall): Route['call'] {
  return (input, context) => new Promise((resolve, reject) => start(input, context, { resolve, reject }))
}
