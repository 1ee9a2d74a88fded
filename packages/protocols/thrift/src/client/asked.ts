import { cancelledError, type CancelListener, type CancelReason } from 'dure/call/internal'
import type { CallContext } from 'dure/call'
import type { DeadlineEntry, Deadlines } from 'dure/runtime'
import type { MethodCodec } from '../methods.ts'

/** One call under way. It ends by its own clock, whatever the other side does. */
export class Asked implements DeadlineEntry, CancelListener {
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  readonly place: string
  readonly codec: MethodCodec
  /** Its message has this number, and so has the answer. */
  readonly sequence: number
  readonly message: Buffer
  /** Nobody answers it: it is over when it has been sent. */
  readonly oneway: boolean
  isOver = false
  /** What its end means to where it waits. */
  onEnd: (() => void) | undefined = undefined
  readonly #call: CallContext
  readonly #deadlines: Deadlines
  readonly #to: PromiseWithResolvers<unknown> = Promise.withResolvers()

  constructor(options: {
    readonly place: string
    readonly codec: MethodCodec
    readonly sequence: number
    readonly message: Buffer
    readonly oneway: boolean
    readonly call: CallContext
    readonly deadlines: Deadlines
  }) {
    this.place = options.place
    this.codec = options.codec
    this.sequence = options.sequence
    this.message = options.message
    this.oneway = options.oneway
    this.#call = options.call
    this.#deadlines = options.deadlines
  }

  get answer(): Promise<unknown> {
    return this.#to.promise
  }

  start(): void {
    this.#deadlines.add(this, this.#call.deadline)
    this.#call.cancellation?.add(this)
  }

  expire(): void {
    this.onCancel('deadline')
  }

  onCancel(reason: CancelReason): void {
    this.fail(cancelledError(this.place, reason))
  }

  succeed(value: unknown): void {
    if (this.#leave()) this.#to.resolve(value)
  }

  fail(error: Error): void {
    if (this.#leave()) this.#to.reject(error)
  }

  #leave(): boolean {
    if (this.isOver) return false
    this.isOver = true
    this.#deadlines.remove(this)
    this.#call.cancellation?.remove(this)
    this.onEnd?.()
    return true
  }
}
