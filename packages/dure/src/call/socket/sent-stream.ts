import type { DeadlineEntry, Timers } from '../../runtime/runtime.ts'
import { CallError } from '../../contract/contract.ts'
import type { CancelListener, CancelReason } from '../cancellation.ts'
import type { CallContext } from '../context.ts'
import { Receiver, Sender, type Window } from '../credit.ts'
import { cancelledError } from '../failure.ts'
import { reasonCode, type Destination, type ClientConnection, type Waiting } from './client-connection.ts'
import * as wire from './protocol.ts'

/** The caller's end of a stream or a channel: opened when the first value is asked for. */
export class SentStream implements AsyncIterator<unknown>, DeadlineEntry, CancelListener, Waiting {
  readonly kind: typeof wire.ITEM = wire.ITEM
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  /** Sends what the caller of a channel gives. */
  readonly sender: Sender | undefined
  readonly #to: Destination
  readonly #call: CallContext
  readonly #input: unknown
  readonly #connect: () => ClientConnection | CallError
  readonly #receiver: Receiver
  #on: ClientConnection | undefined = undefined
  #id = 0
  #opened = false
  #over = false

  constructor(options: {
    to: Destination
    call: CallContext
    input: unknown
    incoming: AsyncIterable<unknown> | undefined
    window: Window
    connect: () => ClientConnection | CallError
    soon: Timers['soon']
  }) {
    const { to, incoming, soon } = options
    this.#to = to
    this.#call = options.call
    this.#input = options.input
    this.#connect = options.connect
    this.#receiver = new Receiver({
      window: options.window,
      grant: (values, bytes) => this.#grant(values, bytes),
      onOver: (byConsumer) => this.#release(byConsumer),
    })
    if (incoming !== undefined)
      this.sender = new Sender({
        values: incoming,
        soon,
        sink: {
          value: (value) => this.#send(value),
          end: () => this.#on?.end(this.#id),
          fail: (error) => this.#on?.end(this.#id, error as Error),
        },
      })
  }

  get place(): string {
    return this.#to.place
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.#receiver.next()
  }

  /** The caller has seen enough. */
  return(): Promise<IteratorResult<unknown>> {
    return this.#receiver.return()
  }

  #grant(values: number, bytes: number): void {
    if (this.#opened) return this.#on?.credit(this.#id, values, bytes)
    const call = this.#call
    this.#opened = true
    call.cancellation?.add(this)
    if (this.#over) return
    const on = this.#connect()
    if (on instanceof CallError) return this.fail(on)
    const sent = on.send(this.sender === undefined ? wire.STREAM : wire.CHANNEL, this.#to, this.#input, call, this, {
      values,
      bytes,
    })
    if (sent instanceof CallError) return this.fail(sent)
    this.#on = on
    this.#id = sent
    on.deadlines.add(this, call.deadline)
  }

  /** @returns bytes that it took on the wire */
  #send(value: unknown): number {
    const written = this.#on!.item(this.#id, this.place, value)
    if (typeof written === 'number') return written
    // The callee comes to it after the values before.
    this.#on!.end(this.#id, written)
    this.sender!.stop()
    return 0
  }

  value(value: unknown, bytes: number): boolean {
    return this.#receiver.push(value, bytes)
  }

  end(): void {
    this.sender?.stop()
    this.#receiver.end()
  }

  fail(error: Error): void {
    this.sender?.stop()
    this.#receiver.end(error)
  }

  expire(): void {
    this.onCancel('deadline')
  }

  onCancel(reason: CancelReason): void {
    if (this.#over) return
    this.#receiver.fail(cancelledError(this.place, reason))
    this.#on?.cancel(this.#id, reasonCode(reason))
  }

  #release(byConsumer: boolean): void {
    this.#over = true
    this.sender?.stop()
    this.#on?.deadlines.remove(this)
    this.#call.cancellation?.remove(this)
    if (byConsumer) this.#on?.cancel(this.#id, wire.DONE)
  }
}
