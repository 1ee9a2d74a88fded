import { CallError } from '../contract/contract.ts'
import type { Parsed } from '../contract/internal.ts'
import { Asked } from './asked.ts'
import { invalidIncoming, invalidInput, invalidOutput, type Callee } from './callee.ts'
import type { CancelReason } from './cancellation.ts'
import type { CallContext } from './context.ts'
import { cancelledError } from './failure.ts'
import { IncomingValues } from './incoming-values.ts'
import { Pending } from './pending.ts'

/**
 * The callee's half of a stream or a channel. The handler's iterator is asked for the next value only when this one is,
 * each value is parsed and isolated like an answer, and it ends with its deadline, its caller, or its service, even while
 * the handler is asleep.
 */
export class PendingStream extends Pending implements AsyncIterator<unknown> {
  readonly #input: unknown
  readonly #asked = new Asked()
  readonly #incoming: IncomingValues | undefined
  #iterator: AsyncIterator<unknown> | undefined = undefined
  #opened = false

  /** @param incoming what the caller of a channel sends */
  constructor(shared: Callee, call: CallContext, input: unknown, incoming: AsyncIterable<unknown> | undefined) {
    super(shared, call)
    this.#input = input
    if (shared.parseIncoming !== undefined)
      this.#incoming = new IncomingValues({
        values: incoming,
        parse: shared.parseIncoming,
        refusal: (issues) => invalidIncoming(shared.place, issues),
        fault: (thrown) => this.failureOf(thrown),
        lost: (thrown) => (thrown instanceof CallError ? thrown : cancelledError(shared.place, 'caller')),
      })
  }

  /** Whoever asks before the last answer has come is answered after it. */
  next(): Promise<IteratorResult<unknown>> {
    return this.#asked.next(this.#pull)
  }

  /** The caller has seen enough. */
  return(): Promise<IteratorResult<unknown>> {
    if (!this.settled && !this.#opened) this.settled = true
    else if (!this.settled) this.#stop(undefined, 'caller')
    return this.#asked.end(undefined)
  }

  readonly #pull = (): void => {
    if (!this.#opened) return this.#open()
    try {
      this.#iterator!.next().then(this.#took, this.#fail)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #open(): void {
    this.#opened = true
    const refused = this.enter()
    if (refused !== undefined) return void this.#asked.end(refused)
    try {
      this.watch()
      // Let go of already: the handler never starts.
      if (this.settled) return
      const parsed = this.shared.parseInput(this.#input)
      if (parsed instanceof Promise) parsed.then(this.#begin, this.#fail)
      else this.#begin(parsed)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  readonly #begin = (parsed: Parsed): void => {
    const { shared, call } = this
    if (this.settled) return
    if (!parsed.ok) return this.#stop(invalidInput(shared.place, parsed.issues), 'caller')
    try {
      const context = shared.context(call, this)
      const values = (
        this.#incoming === undefined
          ? shared.handler(parsed.value, context)
          : shared.handler(parsed.value, this.#incoming, context)
      ) as AsyncIterable<unknown>
      this.#iterator = values[Symbol.asyncIterator]()
    } catch (thrown) {
      return this.#fail(thrown)
    }
    this.#pull()
  }

  readonly #took = (result: IteratorResult<unknown>): void => {
    if (this.settled) return
    try {
      if (result.done === true) return this.#end(this.#incoming?.failure)
      const parsed = this.shared.parseOutput(result.value)
      if (parsed instanceof Promise) parsed.then(this.#parsed, this.#fail)
      else this.#parsed(parsed)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  readonly #parsed = (parsed: Parsed): void => {
    if (this.settled) return
    if (parsed.ok) this.#asked.answer(parsed.value)
    else this.#fail(invalidOutput(this.shared.place, parsed.issues))
  }

  readonly #fail = (thrown: unknown): void => {
    if (this.settled) return
    this.#end(this.#incoming?.failure ?? this.failureOf(thrown))
    this.#letHandlerGo()
  }

  /** By its handler. */
  #end(error: Error | undefined): void {
    this.leave(error)
    this.#incoming?.end(error)
    this.over()
    void this.#asked.end(error)
  }

  /** From outside: the caller hears first; then the handler is told to stop, whatever it makes of that. */
  #stop(error: Error | undefined, reason: CancelReason): void {
    this.leave(error)
    void this.#asked.end(error)
    this.cancel(reason)
    this.#incoming?.end(error ?? cancelledError(this.shared.place, reason))
    this.#letHandlerGo()
  }

  /** Runs the handler's `finally`; a handler that hangs there or throws hurts nobody. */
  #letHandlerGo(): void {
    const iterator = this.#iterator
    new Promise((resolve) => resolve(iterator?.return?.())).catch(() => {})
  }

  onCancel(reason: CancelReason): void {
    if (!this.settled) this.#stop(cancelledError(this.shared.place, reason), reason)
  }
}
