import type { DeadlineEntry } from '../../runtime/runtime.ts'
import { CallError } from '../../contract/contract.ts'
import type { CancelListener, CancelReason } from '../cancellation.ts'
import type { CallContext } from '../context.ts'
import { cancelledError } from '../failure.ts'
import type { Settle } from '../transport.ts'
import { reasonCode, type Destination, type ClientConnection, type Waiting } from './client-connection.ts'
import * as wire from './protocol.ts'

/**
 * One call sent and not answered, in one object: its node in the deadline wheel, its ear for its caller's end, and
 * whoever waits for the answer. It ends by its own clock, whatever the other side does.
 */
export class SentCall implements DeadlineEntry, CancelListener, Waiting {
  readonly kind: typeof wire.ANSWER = wire.ANSWER
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  readonly #destination: Destination
  readonly #call: CallContext
  readonly #to: Settle
  #on: ClientConnection | undefined = undefined
  #id = 0
  #settled = false

  constructor(destination: Destination, call: CallContext, to: Settle) {
    this.#destination = destination
    this.#call = call
    this.#to = to
  }

  get place(): string {
    return this.#destination.place
  }

  start(on: ClientConnection, input: unknown): void {
    const call = this.#call
    call.cancellation?.add(this)
    if (this.#settled) return
    const sent = on.send(wire.CALL, this.#destination, input, call, this)
    if (sent instanceof CallError) return this.fail(sent)
    this.#on = on
    this.#id = sent
    on.deadlines.add(this, call.deadline)
  }

  value(value: unknown): boolean {
    if (this.#settled) return true
    this.#release()
    this.#to.resolve(value)
    return true
  }

  fail(error: Error): void {
    if (this.#settled) return
    this.#release()
    this.#to.reject(error)
  }

  end(): void {
    this.fail(new CallError('INTERNAL', `Call to ${this.place} failed: the answer was that of a stream`))
  }

  expire(): void {
    this.onCancel('deadline')
  }

  onCancel(reason: CancelReason): void {
    if (this.#settled) return
    this.fail(cancelledError(this.place, reason))
    this.#on?.cancel(this.#id, reasonCode(reason))
  }

  #release(): void {
    this.#settled = true
    this.#on?.deadlines.remove(this)
    this.#call.cancellation?.remove(this)
  }
}
