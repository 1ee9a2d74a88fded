import { CallError, type AnyOperation, type Issue } from '../contract/contract.ts'
import { partOf, type Found, type Parser } from '../contract/internal.ts'
import type { Priority } from '../resilience/resilience.ts'
import type { Clock, Deadlines } from '../runtime/runtime.ts'
import type { Shape, Tracer } from '../telemetry/internal.ts'
import type { AccessCheck, CallerCheck, InputCheck } from './access.ts'
import type { Cancellation, CancelReason } from './cancellation.ts'
import type { CallContext } from './context.ts'
import type { Admission } from './admission.ts'
import type { OperationMetrics } from './metrics.ts'

/** A call as it was let in: its input as it came and as it was parsed, and its own end. */
export type ServedInput = {
  readonly input: unknown
  readonly parsed: unknown
  readonly call: CallContext
  readonly own: Cancellation
}

/** How a call ended that did not run here: what its caller gets is this as it is, parsed already. */
export class EndedElsewhere {
  readonly error: Error | undefined
  readonly value: unknown

  constructor(error: Error | undefined, value: unknown) {
    this.error = error
    this.value = value
  }
}

/** What the callee's half of one operation is made of. */
export type EndpointOptions = {
  /** `orders.place`, for messages. */
  readonly place: string
  readonly operation: AnyOperation
  /** Called with the input and the context; of a channel with what comes in between them. */
  readonly handler: (...given: readonly unknown[]) => unknown
  /** Makes what the handler gets as its context; `cancellation` is this call's own end. */
  readonly context: (call: CallContext, cancellation: Cancellation) => unknown
  /** Stands around the handler when the call carries an idempotency key; `input` is what the caller sent, `own` this call's end. */
  readonly once?: ((input: unknown, call: CallContext, own: Cancellation, run: () => unknown) => unknown) | undefined
  /** Stands around all of that when the operation has a key: has it run when its turn comes, here or at another copy. */
  readonly keyed?: ((call: ServedInput, run: () => unknown) => unknown) | undefined
  /** Whether it matters who calls. Default true; false where the system says `security: 'off'`. */
  readonly secured?: boolean
  /** Services that may call it, and `doors`. Default: whoever comes this far. */
  readonly callers?: readonly string[] | undefined
  readonly admission: Admission
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** Undefined: nothing is measured. */
  readonly metrics: OperationMetrics | undefined
  /** Undefined: no spans are made, and trace context passes through as it came. */
  readonly tracer?: Tracer | undefined
  /** Told of failures that are the service's own fault, with what was thrown. */
  readonly onFault: (place: string, thrown: unknown, call: CallContext) => void
}

/** The same, composed: what all calls of one operation share. */
export type Callee = EndpointOptions & {
  /** Why a service may not call this; undefined when each of them may. */
  readonly barred: CallerCheck | undefined
  /** Why a caller may not call this; undefined when anybody may. */
  readonly refused: AccessCheck | undefined
  /** The same with a parsed input. */
  readonly denied: InputCheck | undefined
  /** Whose calls are turned away first where there is not room for all. */
  readonly priority: Priority
  /** What of its input must not be told by spans and logs; undefined where there is no such thing. */
  readonly hidden: ((input: unknown) => readonly Found[]) | undefined
  /** What its spans have in common; undefined without a tracer. */
  readonly shape: Shape | undefined
  readonly parseInput: Parser
  /** Of channels only. */
  readonly parseIncoming: Parser | undefined
  readonly parseOutput: Parser
  /** `overdue`: the deadline of this call is over. */
  readonly toFailure: (thrown: unknown, cancelled: CancelReason | undefined, overdue: boolean) => Error
}

export function invalidInput(place: string, issues: readonly Issue[]): CallError {
  const words = `Call to ${place} was refused: its input does not match the contract (${inWords(issues)})`
  return new CallError('INVALID_ARGUMENT', words, { details: { issues } })
}

/** The same of a value that the caller of a channel sent. */
export function invalidIncoming(place: string, issues: readonly Issue[]): CallError {
  const words = `Call to ${place} was ended: a value that its caller sent does not match the contract (${inWords(issues)})`
  return new CallError('INVALID_ARGUMENT', words, { details: { issues } })
}

export function invalidOutput(place: string, issues: readonly Issue[]): CallError {
  return new CallError(
    'INTERNAL',
    `Call to ${place} failed: the handler's answer does not match the contract (${inWords(issues)})`,
  )
}

function inWords(issues: readonly Issue[]): string {
  const shown = issues.slice(0, 3).map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
  return issues.length > 3 ? `${shown.join('; ')}; and ${issues.length - 3} more` : shown.join('; ')
}

/** Whether the log is to say what its caller is not told: the service itself is to blame, or the words are for inside. */
export function isFault(error: Error, thrown: unknown): boolean {
  if (partOf(thrown, 'inside') === true) return true
  return error instanceof CallError && (error.code === 'INTERNAL' || error.code === 'UNKNOWN') && error !== thrown
}
