import { unknownToJson } from '../../contract/internal.ts'
import type { DeadlineEntry, Deadlines, Runtime } from '../../runtime/runtime.ts'
import type { Tracer } from '../../telemetry/internal.ts'
import {
  compose,
  fallback,
  type AnsweredBy,
  type Breaker,
  type BreakerChange,
  type Guard,
  type Guarded,
} from '../../resilience/resilience.ts'
import { GuardedCall, onlyGates, wholeStepOf, type Step } from '../../resilience/internal.ts'
import { Cancellation, CallerCancellation, type CancelListener, type CancelReason } from '../cancellation.ts'
import type { CallContext } from '../context.ts'
import { cancelledError } from '../failure.ts'
import { OutgoingCall } from '../outgoing-call.ts'
import { OUTSIDE, rpcAttributes } from '../tracing.ts'
import { settleWith, startCall, type Route, type Settle, type Target } from '../transport.ts'
import { ValueStream } from '../value-stream.ts'
import { CallWindow } from './call-window.ts'
import { GatedCall, hasHardlyTime, noteSilence, type Gated } from './gated-call.ts'
import { NarrowedCall } from './narrowed-call.ts'
import { applies, KINDS, makePart, type CallPolicy, type GuardedKind } from './policies.ts'

/** What answers in place of a service that cannot: given the input of the call, and why there is no other answer. */
export type Fallback = (input: unknown, error: unknown) => unknown

export type GuardedOperationOptions = {
  readonly target: Target
  /** The calling service; undefined at the door. */
  readonly caller: string | undefined
  readonly fallback: Fallback | undefined
  readonly runtime: Runtime
  readonly deadlines: Deadlines
  readonly tracer: Tracer | undefined
  readonly onChange: (change: BreakerChange) => void
}

/** Milliseconds for which an answer that several share may be waited for, when its callers go on waiting. */
const SHARED = 30_000

/** Finds the limit that is said so for the service, or makes it. */
export type SharedLimit = (said: string, make: (name: string) => Guard | undefined) => Guard | undefined

type Made = { readonly said: string; readonly guard: Guard }

/** The policies of one caller for one operation as they are now, with their state. */
export class GuardedOperation {
  readonly place: string
  readonly window: CallWindow
  readonly options: GuardedOperationOptions
  /** Calls and streams that were asked for so far, with policies or without. */
  asked = 0
  /** Undefined: nothing stands around a call. */
  #around: Step | Gated | undefined = undefined
  /** Of streams: what lets them in. */
  #gates: Guard | undefined = undefined
  #policy: CallPolicy = {}
  #shares = false
  #keyed = false
  #hedged = false
  #made = new Map<GuardedKind | 'fallback', Made>()

  constructor(options: GuardedOperationOptions) {
    this.options = options
    this.place = `${options.target.service}.${options.target.operation}`
    this.window = new CallWindow(options.runtime.clock)
  }

  /**
   * What has not changed keeps its state.
   * @param limitOf one limit for all operations of the service; undefined: this one has its own
   * @throws {TypeError} when it makes no sense; the old one goes on
   */
  use(policy: CallPolicy, limitOf?: SharedLimit): void {
    const { target, runtime, fallback: instead, onChange } = this.options
    const isStream = target.kind === 'stream' || target.kind === 'channel'
    const made = new Map<GuardedKind | 'fallback', Made>()
    if (instead !== undefined && !isStream) {
      const own = fallback(
        (error, call) => {
          this.window.fellBack(error)
          return instead(call.about, error)
        },
        { name: this.place },
      )
      made.set('fallback', this.#made.get('fallback') ?? { said: '', guard: own })
    }
    for (const kind of KINDS) {
      if (!applies(kind, target)) continue
      // How long a stream is says nothing of how its callee is.
      if (isStream && kind === 'limit') continue
      const given =
        isStream && kind === 'breaker' && policy.breaker ? { breaker: { ...policy.breaker, slowCall: 2_147_483_647 } } : policy
      const shared = kind === 'limit' ? limitOf : undefined
      const said = `${shared === undefined ? '' : 'shared '}${JSON.stringify(given[kind]) ?? ''}`
      const before = this.#made.get(kind)
      const make = (name: string) => makePart(kind, given, { name, world: runtime, onChange })
      const guard = before?.said === said ? before.guard : (shared?.(said, make) ?? make(this.place))
      if (guard !== undefined) made.set(kind, { said, guard })
    }
    const guard = made.size === 0 ? undefined : compose(...[...made.values()].map((one) => one.guard))
    this.#made = made
    this.#policy = policy
    this.#shares = made.has('collapse')
    this.#keyed = this.#shares || made.has('cache')
    this.#hedged = made.has('hedge')
    this.#around = isStream || guard === undefined ? undefined : this.#stands(guard)
    this.#gates = isStream ? guard : undefined
  }

  /** Whether any policy stands around its calls now. */
  get guarded(): boolean {
    return this.#made.size > 0
  }

  /** As it was said, all of it together. */
  get policy(): CallPolicy {
    return this.#policy
  }

  get breaker(): Breaker | undefined {
    return this.#made.get('breaker')?.guard as Breaker | undefined
  }

  #stands({ parts }: Guard): Step | Gated {
    const gates = onlyGates(parts)
    if (gates === undefined) return wholeStepOf(parts)
    return { gates, priority: this.#policy.priority, window: this.window, clock: this.options.runtime.clock }
  }

  /** The same without a promise, where no policy needs one. */
  start(route: Route, input: unknown, given: CallContext, to: Settle): void {
    const around = this.#around
    if (typeof around === 'function') return settleWith(to, this.call(route, input, given))
    this.asked++
    const context = this.#inTime(given)
    if (around === undefined) startCall(route, input, context, to)
    else new GatedCall(around, context, to).start(route, input)
  }

  call(route: Route, input: unknown, given: CallContext): Promise<unknown> {
    this.asked++
    const around = this.#around
    const context = this.#inTime(given)
    if (around === undefined) return route.call(input, context)
    if (typeof around === 'function') return this.#callWithin(around, route, input, context, given)
    return new Promise((resolve, reject) => new GatedCall(around, context, { resolve, reject }).start(route, input))
  }

  /** Within policies that may answer by themselves, or make a call more than once. */
  #callWithin(step: Step, route: Route, input: unknown, context: CallContext, given: CallContext): Promise<unknown> {
    const { priority } = this.#policy
    const { target, runtime, deadlines } = this.options
    const key = this.#keyed ? keyOf(input, context) : undefined
    // What has no form cannot be compared; the callee says what is wrong with it.
    if (this.#keyed && key === undefined) return route.call(input, context)
    const wait = this.#shares ? new CallerWait(this.place, context, deadlines) : undefined
    const { deadline } = context
    const signal = wait?.signal
    const guarded = new GuardedCall(
      (call) => this.#send(route, input, context, call),
      {
        key,
        priority,
        repeatable: target.repeatable === true,
        about: input,
        deadline,
        signal,
        ends: () => context.cancellation?.signal,
      },
      runtime.clock.monotonic(),
      undefined,
    )
    this.window.begun()
    return new Promise((resolve, reject) => {
      step(guarded, (ok, result) => {
        wait?.over()
        const now = runtime.clock.monotonic()
        if (ok) {
          const { from } = guarded
          this.window.answered(from, context.sentAt, now)
          if (from !== 'callee') this.#mark(given, from)
          resolve(result)
        } else {
          const told = wait?.explain(result) ?? result
          this.window.failed(told, context.sentAt, now, this.options.fallback !== undefined)
          reject(told as Error)
        }
      })
    })
  }

  #send(route: Route, input: unknown, context: CallContext, call: Guarded): Promise<unknown> {
    const own = this.#ownEnd(context, call)
    const answer = route.call(input, own)
    if (!hasHardlyTime(own)) return answer
    return answer.catch((error: unknown) => {
      noteSilence(error)
      throw error
    })
  }

  /** Tries that end by themselves have an end of their own; a call that others wait for does not end with the first of them. */
  #ownEnd(context: CallContext, call: Guarded): CallContext {
    if (this.#shares) {
      const deadline = Math.max(context.deadline, this.options.runtime.clock.monotonic() + SHARED)
      return new NarrowedCall(context, { deadline, cancellation: new CallerCancellation(call.signal, undefined) })
    }
    if (!this.#hedged) return context
    return new NarrowedCall(context, {
      deadline: context.deadline,
      cancellation: new CallerCancellation(call.signal, context.cancellation),
    })
  }

  #inTime(context: CallContext): CallContext {
    const { timeout } = this.#policy
    if (timeout === undefined || timeout === false) return context
    const deadline = context.sentAt + timeout
    return deadline >= context.deadline ? context : new NarrowedCall(context, { deadline, cancellation: context.cancellation })
  }

  /** An answer that is not the callee's is told apart: to who calls, and in the trace. */
  #mark(context: CallContext, from: AnsweredBy): void {
    if (context instanceof OutgoingCall) context.answeredBy = from
    const { tracer, runtime, target } = this.options
    if (tracer === undefined || from === 'cache') return
    tracer.record({
      name: `${this.place} ${from}`,
      kind: 'internal',
      service: context.caller ?? OUTSIDE,
      parent: context.parentTrace ?? context.traceparent,
      tracestate: context.tracestate,
      at: runtime.clock.monotonic(),
      attributes: { ...rpcAttributes(`${target.service}.${target.operation}`), 'dure.answered_by': from },
      error: undefined,
    })
  }

  /** A stream is let in like a call, and holds its place until it ends. */
  stream(route: Route, input: unknown, context: CallContext, incoming?: AsyncIterable<unknown>): AsyncIterable<unknown> {
    this.asked++
    const gates = this.#gates
    if (gates === undefined) return route.stream(input, context, incoming)
    const { place, window } = this
    const { clock } = this.options.runtime
    return {
      [Symbol.asyncIterator]: () => {
        const ended = Promise.withResolvers<void>()
        ended.promise.catch(() => {})
        const began = context.sentAt
        return new ValueStream({
          open: () =>
            new Promise((resolve, reject) => {
              const work = (): Promise<void> => {
                resolve(route.stream(input, context, incoming)[Symbol.asyncIterator]())
                return ended.promise
              }
              const { deadline } = context
              window.begun()
              gates.run(work, { deadline, ends: () => context.cancellation?.signal }).then(
                () => window.answered('callee', began, clock.monotonic()),
                (error: unknown) => {
                  window.failed(error, began, clock.monotonic(), false)
                  reject(error as Error)
                },
              )
            }),
          over: (failure, stopped) => {
            if (failure !== undefined) ended.reject(failure.error)
            else if (stopped !== undefined) ended.reject(cancelledError(place, stopped))
            else ended.resolve()
          },
        })
      },
    }
  }
}

/** What is asked, by whom: all that an answer may depend on. Undefined when it has no form. */
function keyOf(input: unknown, { principal, metadata }: CallContext): string | undefined {
  try {
    return JSON.stringify([unknownToJson(input), principal ?? null, metadata ?? null])
  } catch {
    return undefined
  }
}

/** One of several who wait for the same answer: its own deadline and its own end are its own. */
class CallerWait implements DeadlineEntry, CancelListener {
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  readonly #place: string
  readonly #context: CallContext
  readonly #deadlines: Deadlines
  readonly #end = new Cancellation()

  constructor(place: string, context: CallContext, deadlines: Deadlines) {
    this.#place = place
    this.#context = context
    this.#deadlines = deadlines
    deadlines.add(this, context.deadline)
    context.cancellation?.add(this)
  }

  get signal(): AbortSignal {
    return this.#end.signal
  }

  expire(): void {
    this.onCancel('deadline')
  }

  onCancel(reason: CancelReason): void {
    this.#end.cancel(reason)
  }

  over(): void {
    this.#deadlines.remove(this)
    this.#context.cancellation?.remove(this)
  }

  /** What its caller is told of its own end. */
  explain(error: unknown): unknown {
    const { reason } = this.#end
    return reason === undefined || error !== this.#end.signal.reason ? error : cancelledError(this.#place, reason)
  }
}
