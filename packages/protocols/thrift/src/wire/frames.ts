/** Cuts what comes on a connection into messages: each stands behind four bytes that say how long it is. */
import { Malformed } from './protocol.ts'

const HEAD = 4

export class Frames {
  readonly #most: number
  #bytes: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0

  /** @param most bytes that a message may have */
  constructor(most: number) {
    this.#most = most
  }

  /** Whether a message has begun and is not whole. */
  get isPartial(): boolean {
    return this.#end > this.#start
  }

  push(chunk: Buffer): void {
    if (!this.isPartial) {
      this.#bytes = chunk
      this.#start = 0
      this.#end = chunk.length
      return
    }
    const size = this.#end - this.#start
    if (this.#bytes.length - this.#end < chunk.length) {
      // Twice as much as there is, so that a message of many small pieces is not copied for each.
      const larger = Buffer.allocUnsafe(Math.max((size + chunk.length) * 2, 64))
      this.#bytes.copy(larger, 0, this.#start, this.#end)
      this.#bytes = larger
      this.#start = 0
      this.#end = size
    }
    chunk.copy(this.#bytes, this.#end)
    this.#end += chunk.length
  }

  /** The next message, which is to be read before more is pushed. @throws {Malformed} for one that is too large, or has no bytes */
  next(): Buffer | undefined {
    if (this.#end - this.#start < HEAD) return undefined
    const size = this.#bytes.readInt32BE(this.#start)
    if (size <= 0 || size > this.#most) throw new Malformed(`a message of ${size} bytes; at most ${this.#most} are taken`)
    const from = this.#start + HEAD
    if (this.#end - from < size) return undefined
    this.#start = from + size
    return this.#bytes.subarray(from, this.#start)
  }
}
