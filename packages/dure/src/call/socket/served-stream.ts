import type { CancelReason } from '../cancellation.ts'
import { Sender, type Receiver, type SenderOptions } from '../credit.ts'
import { cancelledError } from '../failure.ts'
import type { ServedCall } from './served-call.ts'

type Options = SenderOptions & {
  readonly receiver: Receiver | undefined
  readonly call: ServedCall
  /** `orders.place`, for messages. */
  readonly place: string
}

/** The callee's end of a stream or a channel over the wire. */
export class ServedStream {
  /** Sends what the callee answers. */
  readonly sender: Sender
  readonly #options: Options
  #over = false

  constructor(options: Options) {
    this.#options = options
    this.sender = new Sender(options)
  }

  get place(): string {
    return this.#options.place
  }

  /** What the caller of a channel sends. */
  get receiver(): Receiver | undefined {
    return this.#options.receiver
  }

  get size(): number {
    return this.#options.call.size
  }

  /** The caller's end; the callee ends with it. */
  cancel(reason: CancelReason): void {
    this.#options.call.cancel(reason)
    this.done()
  }

  /** This side leaves: the handler ends, and the caller is told. */
  leave(): void {
    if (this.#over) return
    this.#options.call.cancel('stopping')
    // Otherwise the value that is waited for fails with the same words.
    if (this.sender.making) return
    this.done()
    this.#options.sink.fail(cancelledError(this.place, 'stopping'))
  }

  /** The caller has seen enough, or got the end. */
  done(): void {
    this.#over = true
    this.sender.stop()
    void this.receiver?.return()
  }
}
