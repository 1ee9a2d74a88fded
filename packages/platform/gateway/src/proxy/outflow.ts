import { copyInto, copyOf, sizeOf } from './copy.ts'
import type { Connection } from './sockets.ts'

/** Bytes that wait to be taken before whoever writes them is told to wait. */
const MOST_WAITING = 65_536

/** More than is read at once, and a head. */
const SPARE = 131_072
/** Whoever has taken bytes at once does not keep them: one buffer is enough for copies, until a write keeps it. */
let spare: Buffer | undefined

/**
 * What is written to a socket. A write that the system takes at once, as nearly all of them, goes past what Node's streams keep of each:
 * that costs as much as the write itself.
 */
export class Outflow {
  readonly #socket: Connection
  readonly #plainly: boolean
  readonly #drained: () => void
  /** Sizes of writes that the system has not taken yet, and their sum. */
  readonly #sizes: number[] = []
  #waiting = 0
  #full = false
  /** Its last write was not taken at once, as none is over TLS: the next may not be, either. */
  #keeps = false
  #atOnce = false
  #writing = false

  /** @param drained told when more may be written, after `full()` */
  constructor(socket: Connection, drained: () => void, plainly = false) {
    this.#socket = socket
    this.#plainly = plainly
    this.#drained = drained
    socket.on('drain', drained)
  }

  /** Whether nothing more is to be written for now. */
  full(): boolean {
    return this.#full || this.#socket.writableNeedDrain
  }

  /** Writes bytes, or text of one byte a character. True: no more for now. */
  write(data: Buffer | string): boolean {
    return this.#isDirect() ? this.#write(data) : !this.#socket.write(data, 'latin1')
  }

  /** Writes parts of a buffer that is read into again at once. True: no more for now. */
  copy(bytes: Buffer, ranges: readonly number[], before = '', after = ''): boolean {
    const size = sizeOf(ranges) + before.length + after.length
    if (size > SPARE || this.#keeps || !this.#isDirect()) return this.write(copyOf(bytes, ranges, before, after))
    const copy = (spare ??= Buffer.allocUnsafeSlow(SPARE)).subarray(0, size)
    copyInto(copy, bytes, ranges, before, after)
    const full = this.#write(copy)
    if (!this.#atOnce) spare = undefined
    return full
  }

  /** What a stream keeps goes first. */
  #isDirect(): boolean {
    const socket = this.#socket
    return !this.#plainly && !socket.connecting && socket.writableLength === 0 && socket.writable
  }

  #write(data: Buffer | string): boolean {
    const socket = this.#socket
    this.#atOnce = false
    this.#writing = true
    socket._write(data, (typeof data === 'string' ? 'latin1' : 'buffer') as BufferEncoding, this.#taken)
    this.#writing = false
    this.#keeps = !this.#atOnce
    if (this.#atOnce) return this.#full
    this.#sizes.push(data.length)
    this.#waiting += data.length
    if (this.#waiting >= MOST_WAITING) this.#full = true
    return this.#full
  }

  readonly #taken = (error?: Error | null): void => {
    if (this.#writing) this.#atOnce = true
    else this.#waiting -= this.#sizes.shift() ?? 0
    if (error !== undefined && error !== null) return void this.#socket.destroy(error)
    if (this.#full && this.#waiting === 0) {
      this.#full = false
      this.#drained()
    }
  }
}
