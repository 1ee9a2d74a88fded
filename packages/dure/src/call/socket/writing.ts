/** Frames that either side of a connection writes. */
import type { Connection } from './connection.ts'
import { failureToWire, withoutDetails } from './failures.ts'
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
