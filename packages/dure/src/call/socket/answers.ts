import { CallError } from '../../contract/contract.ts'
import type { Connection } from './connection.ts'
import { failureToWire, tooLong, unsendable, withoutDetails } from './failures.ts'
import { END, FAILURE, type ANSWER, type ITEM } from './protocol.ts'

/** What the callee writes: answers, the values of streams and their ends, failures; no more than its caller takes. */
export class Answers {
  readonly #connection: Connection
  /** Bytes that may wait for the caller, in the measure of `SocketLimits.outgoing`. */
  readonly #most: number

  constructor(options: { connection: Connection; most: number }) {
    this.#connection = options.connection
    this.#most = options.most
  }

  /** @returns bytes written, or what the caller gets instead when it cannot be given this; nothing was written then */
  value(type: typeof ANSWER | typeof ITEM, id: number, place: string, value: unknown): number | CallError {
    const { writer, frameLimit, waiting } = this.#connection
    if (waiting > this.#most * 4)
      return new CallError('RESOURCE_EXHAUSTED', `Call to ${place} failed: its caller does not take the answers it has asked for`)
    writer.begin(type, id)
    try {
      writer.value(value, 0, writer.mark())
    } catch (error) {
      writer.undo()
      return unsendable(place, error)
    }
    const size = writer.end()
    if (size <= frameLimit) return size
    writer.undo()
    return tooLong(place, 'answer', size, frameLimit)
  }

  end(id: number): void {
    const { writer } = this.#connection
    writer.begin(END, id)
    writer.end()
  }

  /** Closes the connection instead when far too much waits for its caller. */
  failure(id: number, error: unknown): void {
    const { writer, frameLimit, waiting } = this.#connection
    // Failures are short, and come even to those who are told that no more answers do; not for ever.
    if (waiting > this.#most * 5) return this.#connection.close('it does not take its answers')
    writer.begin(FAILURE, id)
    try {
      writer.value(failureToWire(error), 0, writer.mark())
      if (writer.end() > frameLimit) throw new Error('Too long')
    } catch {
      writer.undo()
      writer.begin(FAILURE, id)
      writer.value(withoutDetails(error), 0, writer.mark())
      writer.end()
    }
  }
}
