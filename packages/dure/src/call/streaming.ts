import type { DeadlineEntry } from '../runtime/runtime.ts'
import { Cancellation, type CancelListener, type CancelReason } from './cancellation.ts'
import type { CallContext } from './context.ts'
import { invalidInput, invalidOutput, isFault, type Callee } from './callee.ts'
import type { ActiveSpan } from '../telemetry/internal.ts'
import { cancelledError } from './failure.ts'
import { beginServed, recordServed, sampledBy, TracedCall } from './tracing.ts'

/**
 * The callee's half of a server stream. The handler's iterator is asked for the next value only when the
 * caller asks, each value is parsed and isolated like an answer, and the stream ends with its deadline,
 * its caller, or its service, even while the handler is asleep.
 */
export function streamOf(shared: Callee, input: unknown, call: CallContext): AsyncIterable<unknown> {
  return { [Symbol.asyncIterator]: () => new PendingStream(shared, input, call) }
}

class PendingStream implements AsyncIterator<unknown>, DeadlineEntry, CancelListener {
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  readonly #shared: Callee
  readonly #input: unknown
  #call: CallContext
  #span: ActiveSpan | undefined = undefined
  readonly #cancellation = new Cancellation()
  #iterator: AsyncIterator<unknown> | undefined = undefined
  #opened = false
  #over = false
  #turn: Promise<IteratorResult<unknown>> | undefined = undefined
  /** The `next` that waits for the handler: a stream may be ended from outside meanwhile. */
  #waiting: PromiseWithResolvers<IteratorResult<unknown>> | undefined = undefined
  #ended: Error | undefined = undefined

  constructor(shared: Callee, input: unknown, call: CallContext) {
    this.#shared = shared
    this.#input = input
    this.#call = call
  }

  /** Whoever asks before the last answer has come is answered after it. */
  next(): Promise<IteratorResult<unknown>> {
    const step = (): Promise<IteratorResult<unknown>> => this.#step()
    this.#turn = this.#turn === undefined ? step() : this.#turn.then(step, step)
    return this.#turn
  }

  async #step(): Promise<IteratorResult<unknown>> {
    if (this.#ended !== undefined) {
      const error = this.#ended
      this.#ended = undefined
      throw error
    }
    if (this.#over) return { done: true, value: undefined }
    try {
      if (!this.#opened) await this.#open()
      // Let go of while its input was parsed: the handler never starts.
      if (this.#over) return { done: true, value: undefined }
      const result = await this.#orInterrupted(this.#iterator!.next())
      if (result.done === true) {
        this.#close(undefined)
        this.#cancellation.over()
        return { done: true, value: undefined }
      }
      const parsed = await this.#shared.parseOutput(result.value)
      if (parsed.ok) return { done: false, value: parsed.value }
      throw invalidOutput(this.#shared.place, parsed.issues)
    } catch (thrown) {
      const overdue = this.#shared.clock.monotonic() >= this.#call.deadline
      const error = this.#shared.toFailure(thrown, this.#cancellation.reason, overdue)
      if (!this.#over && isFault(error, thrown)) this.#shared.onFault(this.#shared.place, thrown, this.#call)
      this.#close(error)
      this.#cancellation.over()
      this.#ended = undefined
      this.#letHandlerGo()
      throw error
    }
  }

  /** The caller has seen enough. */
  async return(): Promise<IteratorResult<unknown>> {
    if (!this.#over) {
      this.#close(undefined)
      this.#cancellation.cancel('caller')
      this.#letHandlerGo()
      this.#waiting?.resolve({ done: true, value: undefined })
    }
    return { done: true, value: undefined }
  }

  async #open(): Promise<void> {
    const shared = this.#shared
    if (shared.tracer !== undefined && this.#call.sampled === undefined && sampledBy(this.#call)) {
      this.#span = beginServed(shared, shared.tracer, this.#call)
      this.#call = new TracedCall(this.#call, this.#span)
    }
    const call = this.#call
    this.#opened = true
    if (call.deadline <= call.sentAt) {
      this.#over = true
      throw cancelledError(shared.place, 'deadline')
    }
    const refused = shared.refused?.(call.principal)
    if (refused !== undefined || !shared.gate.enter()) {
      this.#over = true
      const refusal = refused ?? shared.gate.refusal()
      this.#tell(refusal)
      throw refusal
    }
    shared.deadlines.add(this, call.deadline)
    call.cancellation?.add(this)
    this.#throwIfEnded()
    const parsed = await shared.parseInput(this.#input)
    this.#throwIfEnded()
    if (this.#over) return
    if (!parsed.ok) throw invalidInput(shared.place, parsed.issues)
    const values = shared.handler(parsed.value, shared.context(call, this.#cancellation)) as AsyncIterable<unknown>
    this.#iterator = values[Symbol.asyncIterator]()
  }

  /** The caller may have gone before the stream began, or while its input was parsed: the handler then never starts. */
  #throwIfEnded(): void {
    if (this.#ended !== undefined) throw this.#ended
  }

  async #orInterrupted(work: Promise<IteratorResult<unknown>>): Promise<IteratorResult<unknown>> {
    const waiting = Promise.withResolvers<IteratorResult<unknown>>()
    this.#waiting = waiting
    work.then(waiting.resolve, waiting.reject)
    try {
      return await waiting.promise
    } finally {
      this.#waiting = undefined
    }
  }

  #close(error: Error | undefined): void {
    if (this.#over) return
    this.#over = true
    const shared = this.#shared
    shared.deadlines.remove(this)
    this.#call.cancellation?.remove(this)
    shared.gate.leave()
    shared.metrics?.record(shared.clock.monotonic() - this.#call.sentAt, error)
    this.#tell(error)
  }

  #tell(error: Error | undefined): void {
    const { tracer } = this.#shared
    if (tracer === undefined) return
    if (this.#span !== undefined) this.#span.end(error)
    else if (error !== undefined || this.#call.sampled === true) recordServed(this.#shared, tracer, this.#call, error)
  }

  /** Runs the handler's `finally`; a handler that hangs there or throws hurts nobody. */
  #letHandlerGo(): void {
    const iterator = this.#iterator
    new Promise((resolve) => resolve(iterator?.return?.())).catch(() => {})
  }

  expire(): void {
    this.onCancel(this.#shared.gate.expelling() ? 'stopping' : 'deadline')
  }

  onCancel(reason: CancelReason): void {
    if (this.#over) return
    const error = cancelledError(this.#shared.place, reason)
    const waiting = this.#waiting
    this.#close(error)
    this.#cancellation.cancel(reason)
    if (waiting !== undefined) waiting.reject(error)
    else {
      this.#ended = error
      this.#letHandlerGo()
    }
  }
}
