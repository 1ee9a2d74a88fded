import type { DeadlineEntry } from '../../runtime/runtime.ts'
import { CallError } from '../../contract/contract.ts'
import type { CancelListener, CancelReason } from '../cancellation.ts'
import type { CallContext } from '../context.ts'
import { cancelledError } from '../failure.ts'
import { reasonCode, type Destination, type Outgoing, type Waiting } from './outgoing.ts'
import { DONE, ITEM, STREAM } from './protocol.ts'

type Asked = { readonly resolve: (result: IteratorResult<unknown>) => void; readonly reject: (error: Error) => void }

/**
 * The caller's end of a server stream. Every `next` asks the callee for one more value and nothing is asked for in
 * advance, so a handler does as much work far away as it would nearby.
 */
export class SentStream implements AsyncIterator<unknown>, DeadlineEntry, CancelListener, Waiting {
  readonly kind: typeof ITEM = ITEM
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  readonly #to: Destination
  readonly #call: CallContext
  readonly #input: unknown
  readonly #connect: () => Outgoing | CallError
  readonly #asked: Asked[] = []
  #on: Outgoing | undefined = undefined
  #id = 0
  #opened = false
  #over = false
  /** Ended from outside while nobody asked: told to whoever asks next, once. */
  #ended: Error | undefined = undefined

  constructor(to: Destination, call: CallContext, input: unknown, connect: () => Outgoing | CallError) {
    this.#to = to
    this.#call = call
    this.#input = input
    this.#connect = connect
  }

  get place(): string {
    return this.#to.place
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#ended !== undefined) {
      const error = this.#ended
      this.#ended = undefined
      return Promise.reject(error)
    }
    if (this.#over) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject })
      if (this.#opened) this.#on?.more(this.#id, 1)
      else this.#open()
    })
  }

  /** The caller has seen enough. */
  return(): Promise<IteratorResult<unknown>> {
    if (!this.#over) {
      this.#finish(undefined)
      this.#on?.cancel(this.#id, DONE)
    }
    return Promise.resolve({ done: true, value: undefined })
  }

  #open(): void {
    const call = this.#call
    this.#opened = true
    call.cancellation?.add(this)
    if (this.#over) return
    const on = this.#connect()
    if (on instanceof CallError) return this.fail(on)
    const sent = on.send(STREAM, this.#to, this.#input, call, this)
    if (sent instanceof CallError) return this.fail(sent)
    this.#on = on
    this.#id = sent
    on.deadlines.add(this, call.deadline)
  }

  wants(): boolean {
    return this.#asked.length > 0
  }

  value(value: unknown): void {
    this.#asked.shift()?.resolve({ done: false, value })
  }

  end(): void {
    this.#finish(undefined)
  }

  fail(error: Error): void {
    this.#finish(error)
  }

  expire(): void {
    this.onCancel('deadline')
  }

  onCancel(reason: CancelReason): void {
    if (this.#over) return
    this.#finish(cancelledError(this.place, reason))
    this.#on?.cancel(this.#id, reasonCode(reason))
  }

  /** Whoever waited first hears of the failure; others, and all of them at a good end, that there is no more. */
  #finish(error: Error | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#on?.deadlines.remove(this)
    this.#call.cancellation?.remove(this)
    const asked = this.#asked.splice(0)
    if (error !== undefined) {
      const first = asked.shift()
      if (first === undefined) this.#ended = error
      else first.reject(error)
    }
    for (const { resolve } of asked) resolve({ done: true, value: undefined })
  }
}
