import type { Timers } from '../../runtime/runtime.ts'
import type { CancelReason } from '../cancellation.ts'
import { Sender, type Sink } from '../credit.ts'
import { cancelledError } from '../failure.ts'
import type { ServedCall } from './served-call.ts'

/** The callee's end of a stream over the wire. */
export class ServedStream {
  readonly #call: ServedCall
  readonly #sink: Sink
  readonly #sender: Sender
  readonly #place: string
  #over = false

  constructor(options: { values: AsyncIterable<unknown>; call: ServedCall; sink: Sink; place: string; soon: Timers['soon'] }) {
    this.#call = options.call
    this.#sink = options.sink
    this.#sender = new Sender(options)
    this.#place = options.place
  }

  get size(): number {
    return this.#call.size
  }

  grant(values: number, bytes: number): void {
    this.#sender.grant(values, bytes)
  }

  /** The caller's end; the callee ends with it. */
  cancel(reason: CancelReason): void {
    this.#over = true
    this.#call.cancel(reason)
    this.#sender.stop()
  }

  /** This side leaves: the handler ends, and the caller is told. */
  leave(): void {
    if (this.#over) return
    this.#call.cancel('stopping')
    // Otherwise the value that is waited for fails with the same words.
    if (this.#sender.making) return
    this.done()
    this.#sink.fail(cancelledError(this.#place, 'stopping'))
  }

  /** The caller has seen enough. */
  done(): void {
    this.#over = true
    this.#sender.stop()
  }
}
