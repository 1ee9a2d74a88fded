/** Frames that either side of a connection writes. */
import type { Connection } from './connection.ts'
import { CallError } from '../../contract/contract.ts'
import { failureToWire, tooLong, unsendable, withoutDetails } from './failures.ts'
import * as wire from './protocol.ts'

/** A value whose frame the other side would not take. */
export class LongError extends Error {
  readonly size: number

  constructor(size: number) {
    super(`It takes ${size} bytes`)
    this.size = size
  }
}

/**
 * @returns bytes written
 * @throws {LongError | UnsendableError} when it cannot be sent; nothing was written then
 */
export function writeValue({ writer, frameLimit }: Connection, type: number, id: number, value: unknown): number {
  writer.begin(type, id)
  try {
    writer.value(value, 0, writer.mark())
    const size = writer.end()
    if (size > frameLimit) throw new LongError(size)
    return size
  } catch (error) {
    writer.undo()
    throw error
  }
}

export function writeFailure({ writer, frameLimit }: Connection, id: number, error: unknown): void {
  writer.begin(wire.FAILURE, id)
  try {
    writer.value(failureToWire(error), 0, writer.mark())
    if (writer.end() > frameLimit) throw new Error('Too long')
  } catch {
    writer.undo()
    writer.begin(wire.FAILURE, id)
    writer.value(withoutDetails(error), 0, writer.mark())
    writer.end()
  }
}

/** So many values, and bytes of them, may come of a stream. */
export function writeCredit({ writer }: Connection, id: number, values: number, bytes: number): void {
  writer.begin(wire.CREDIT, id)
  writer.int(values)
  writer.int(Math.min(bytes, 0xffffffff))
  writer.end()
}

/** A frame that says all with its type: `END` by default. */
export function writeWord({ writer }: Connection, id: number, type: number = wire.END): void {
  writer.begin(type, id)
  writer.end()
}

/** What the callee answers, no more than its caller takes; `most` are bytes that may wait for it, in the measure of `SocketLimits.outgoing`. */
export function answers(connection: Connection, most: number) {
  return {
    /** @returns bytes written, or what the caller gets instead when it cannot be given this; nothing was written then */
    value: (type: typeof wire.ANSWER | typeof wire.ITEM, id: number, place: string, value: unknown): number | CallError => {
      const { frameLimit, waiting } = connection
      if (waiting > most * 4)
        return new CallError(
          'RESOURCE_EXHAUSTED',
          `Call to ${place} failed: its caller does not take the answers it has asked for`,
        )
      try {
        return writeValue(connection, type, id, value)
      } catch (error) {
        return error instanceof LongError ? tooLong(place, 'answer', error.size, frameLimit) : unsendable(place, error)
      }
    },
    /** Closes the connection instead when far too much waits for its caller. */
    failure: (id: number, error: unknown): void => {
      // Failures are short, and come even to those who are told that no more answers do; not for ever.
      if (connection.waiting > most * 5) return connection.close('it does not take its answers')
      writeFailure(connection, id, error)
    },
  }
}
