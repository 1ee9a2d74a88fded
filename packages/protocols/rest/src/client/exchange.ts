import type { IncomingHttpHeaders } from 'node:http'
import { CallError } from 'dure/contract'
import { cancelledError, type CancelListener, type CancelReason } from 'dure/call/internal'
import type { CallContext } from 'dure/call'
import type { DeadlineEntry, Deadlines } from 'dure/runtime'
import type { Dispatcher } from 'undici'

/** Whoever waits for an answer. It is told of one end, `end` or `failed`, and of nothing after it. */
export type Receiver = {
  readonly head: (status: number, headers: IncomingHttpHeaders) => void
  readonly data: (chunk: Buffer) => void
  readonly end: () => void
  /** `sent`: it may have reached the other side. */
  readonly failed: (error: Error, sent: boolean) => void
}

/**
 * One request under way, in one object: its node in the deadline wheel, its ear for its caller's end, and the handler that
 * undici calls. It ends by its own clock, whatever the other side does.
 */
export class Exchange implements DeadlineEntry, CancelListener, Dispatcher.DispatchHandler {
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  readonly #place: string
  readonly #call: CallContext
  readonly #deadlines: Deadlines
  readonly #to: Receiver
  #controller: Dispatcher.DispatchController | undefined = undefined
  #sent = false
  #over = false

  constructor(options: { place: string; call: CallContext; deadlines: Deadlines; to: Receiver }) {
    this.#place = options.place
    this.#call = options.call
    this.#deadlines = options.deadlines
    this.#to = options.to
  }

  get isOver(): boolean {
    return this.#over
  }

  start(): void {
    this.#deadlines.add(this, this.#call.deadline)
    this.#call.cancellation?.add(this)
  }

  /** From here on it may have reached the other side. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(new Error('Nobody waits for the answer any more'))
    else this.#sent = true
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#over || status < 200) return
    this.#to.head(status, headers)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over) this.#to.data(chunk)
  }

  onResponseEnd(): void {
    if (this.#over) return
    this.#release()
    this.#to.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error)
  }

  expire(): void {
    this.onCancel('deadline')
  }

  onCancel(reason: CancelReason): void {
    this.fail(cancelledError(this.#place, reason))
  }

  /** Ends it from this side: what is still on its way is not read. */
  fail(error: Error): void {
    if (this.#over) return
    this.leave()
    this.#to.failed(error, this.#sent)
  }

  /** Nobody wants more of it. */
  leave(): void {
    if (this.#over) return
    this.#release()
    // A connection with half an answer in it is of no use to anybody.
    if (this.#controller?.aborted === false) this.#controller.abort(new CallError('CANCELLED', 'It was ended on this side'))
  }

  pause(): void {
    if (!this.#over) this.#controller?.pause()
  }

  resume(): void {
    if (!this.#over) this.#controller?.resume()
  }

  #release(): void {
    this.#over = true
    this.#deadlines.remove(this)
    this.#call.cancellation?.remove(this)
  }
}
