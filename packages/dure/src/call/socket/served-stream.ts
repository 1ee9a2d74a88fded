import type { Timers } from '../../runtime/runtime.ts'
import type { CancelReason } from '../cancellation.ts'
import { Sender, type Receiver, type Sink } from '../credit.ts'
import { cancelledError } from '../failure.ts'
import type { ServedCall } from './served-call.ts'

/** The callee's end of a stream or a channel over the wire. */
export class ServedStream {
  /** Sends what the callee answers. */
  readonly sender: Sender
  /** What the caller of a channel sends. */
  readonly receiver: Receiver | undefined
  readonly #call: ServedCall
  readonly #sink: Sink
  /** `orders.place`, for messages. */
  readonly place: string
  #over = false

  constructor(options: {
    values: AsyncIterable<unknown>
    receiver: Receiver | undefined
    call: ServedCall
    sink: Sink
    place: string
    soon: Timers['soon']
  }) {
    this.receiver = options.receiver
    this.#call = options.call
    this.#sink = options.sink
    this.sender = new Sender(options)
    this.place = options.place
  }

  get size(): number {
    return this.#call.size
  }

  /** The caller's end; the callee ends with it. */
  cancel(reason: CancelReason): void {
    this.#call.cancel(reason)
    this.done()
  }

  /** This side leaves: the handler ends, and the caller is told. */
  leave(): void {
    if (this.#over) return
    this.#call.cancel('stopping')
    // Otherwise the value that is waited for fails with the same words.
    if (this.sender.making) return
    this.done()
    this.#sink.fail(cancelledError(this.place, 'stopping'))
  }

  /** The caller has seen enough, or got the end. */
  done(): void {
    this.#over = true
    this.sender.stop()
    void this.receiver?.return()
  }
}
