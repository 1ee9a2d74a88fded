import { CallError } from '../contract/contract.ts'
import type { Parsed } from '../contract/internal.ts'
import { invalidIncoming, invalidInput, invalidOutput, type Callee } from './callee.ts'
import type { CancelReason } from './cancellation.ts'
import type { CallContext } from './context.ts'
import { cancelledError } from './failure.ts'
import { Pending } from './pending.ts'
import { ValueStream, type Failure } from './value-stream.ts'

/**
 * The callee's half of a stream or a channel. The handler's iterator is asked for the next value only when `values` is,
 * each value is parsed and isolated like an answer, and it ends with its deadline, its caller, or its service, even while
 * the handler is asleep.
 */
export class PendingStream extends Pending {
  /** What the handler answers. */
  readonly values: ValueStream
  /** What the caller of a channel sends, as the handler sees it: none of it once the call is over. */
  readonly #incoming: ValueStream | undefined
  /** Why its caller sends no more: the handler has heard of it, and the call ends with it whatever the handler makes of that. */
  #incomingFailure: Failure | undefined = undefined

  /** @param incoming what the caller of a channel sends */
  constructor(shared: Callee, call: CallContext, input: unknown, incoming: AsyncIterable<unknown> | undefined) {
    super(shared, call)
    const { place, parseIncoming, parseOutput } = shared
    const failure = (thrown: unknown): unknown =>
      this.#incomingFailure === undefined ? this.failureOf(thrown) : this.#incomingFailure.error
    this.values = new ValueStream({
      open: () => this.#open(input),
      parse: parseOutput,
      refused: (issues) => failure(invalidOutput(place, issues)),
      failed: failure,
      ended: () => this.#incomingFailure,
      over: (end, stopped) => this.#over(end, stopped),
    })
    if (parseIncoming === undefined) return
    const lost = (thrown: unknown): Error => (thrown instanceof CallError ? thrown : cancelledError(place, 'caller'))
    const fail = (error: Error): Error => {
      this.#incomingFailure = { error }
      return error
    }
    this.#incoming = new ValueStream({
      open: () => (incoming ?? NOTHING)[Symbol.asyncIterator](),
      parse: parseIncoming,
      refused: (issues) => fail(invalidIncoming(place, issues)),
      failed: (thrown, from) => fail(from === 'source' ? lost(thrown) : this.failureOf(thrown)),
    })
  }

  #open(input: unknown): AsyncIterator<unknown> | undefined | Promise<AsyncIterator<unknown> | undefined> {
    const refused = this.enter()
    if (refused !== undefined) return this.#stop(refused, 'caller')
    this.watch()
    // Let go of already: the handler never starts.
    if (this.settled) return undefined
    if (this.shared.hidden !== undefined) this.given = input
    const parsed = this.shared.parseInput(input)
    return parsed instanceof Promise ? parsed.then(this.#begin) : this.#begin(parsed)
  }

  readonly #begin = (parsed: Parsed): AsyncIterator<unknown> | undefined => {
    const { shared, call } = this
    if (this.settled) return undefined
    if (!parsed.ok) return this.#stop(invalidInput(shared.place, parsed.issues), 'caller')
    const denied = shared.denied?.(call.principal, parsed.value)
    if (denied !== undefined) return this.#stop(denied, 'caller')
    const context = shared.context(call, this)
    const values = (
      this.#incoming === undefined ? shared.handler(parsed.value, context) : shared.handler(parsed.value, this.#incoming, context)
    ) as AsyncIterable<unknown>
    return values[Symbol.asyncIterator]()
  }

  #stop(error: Error, reason: CancelReason): undefined {
    this.values.stop({ error }, reason)
  }

  /** By its handler, or from outside: then its caller hears, and the handler is told to stop, whatever it makes of that. */
  #over(failure: Failure | undefined, stopped: CancelReason | undefined): void {
    // It was not let in.
    if (this.settled) return
    this.leave(failure?.error as Error | undefined)
    if (stopped === undefined) this.over()
    else this.cancel(stopped)
    this.#incoming?.stop(failure ?? (stopped && { error: cancelledError(this.shared.place, stopped) }), stopped ?? 'caller')
  }

  onCancel(reason: CancelReason): void {
    if (!this.settled) this.#stop(cancelledError(this.shared.place, reason), reason)
  }
}

const NOTHING: AsyncIterable<unknown> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
}
