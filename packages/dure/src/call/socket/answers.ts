import { CallError } from '../../contract/contract.ts'
import type { Connection } from './connection.ts'
import { tooLong, unsendable } from './failures.ts'
import * as wire from './protocol.ts'
import { LongError, writeFailure, writeValue } from './writing.ts'

/** What the callee answers, values and failures: no more than its caller takes. */
export class Answers {
  readonly #connection: Connection
  /** Bytes that may wait for the caller, in the measure of `SocketLimits.outgoing`. */
  readonly #most: number

  constructor(options: { connection: Connection; most: number }) {
    this.#connection = options.connection
    this.#most = options.most
  }

  /** @returns bytes written, or what the caller gets instead when it cannot be given this; nothing was written then */
  value(type: typeof wire.ANSWER | typeof wire.ITEM, id: number, place: string, value: unknown): number | CallError {
    const { frameLimit, waiting } = this.#connection
    if (waiting > this.#most * 4)
      return new CallError('RESOURCE_EXHAUSTED', `Call to ${place} failed: its caller does not take the answers it has asked for`)
    try {
      return writeValue(this.#connection, type, id, value)
    } catch (error) {
      return error instanceof LongError ? tooLong(place, 'answer', error.size, frameLimit) : unsendable(place, error)
    }
  }

  /** Closes the connection instead when far too much waits for its caller. */
  failure(id: number, error: unknown): void {
    // Failures are short, and come even to those who are told that no more answers do; not for ever.
    if (this.#connection.waiting > this.#most * 5) return this.#connection.close('it does not take its answers')
    writeFailure(this.#connection, id, error)
  }
}
