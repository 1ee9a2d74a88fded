import { copyInto, copyOf, sizeOf } from './copy.ts'
import type { Connection } from './sockets.ts'
import { ROOM, type Turn } from './turn.ts'

/** Bytes that wait to be taken before whoever writes them is told to wait; of so many the end of the turn is not waited for. */
const MOST_WAITING = 65_536
/** Up to so many bytes are put behind a text as text, rather than written by themselves. */
const SHORT = 4_096

/**
 * What is written to a socket: what comes in one turn goes out at its end, in one write where it can. A write that the system takes at
 * once, as nearly all of them, goes past what Node's streams keep of each: that costs as much as the write itself.
 */
export class Outflow {
  readonly #socket: Connection
  readonly #turn: Turn
  readonly #plainly: boolean
  readonly #drained: () => void
  /** What this turn has brought so far. */
  #pending: Buffer | string | undefined = undefined
  /** It is among those who are flushed at the end of the turn. */
  #isListed = false
  /** Sizes of writes that the system has not taken yet, and their sum. */
  readonly #sizes: number[] = []
  #waiting = 0
  #full = false
  #atOnce = false
  #writing = false

  /** @param drained told when more may be written, after `full()` */
  constructor(socket: Connection, turn: Turn, drained: () => void, plainly = false) {
    this.#socket = socket
    this.#turn = turn
    this.#plainly = plainly
    this.#drained = drained
    socket.on('drain', drained)
  }

  /** Whether nothing more is to be written for now. */
  full(): boolean {
    return this.#full || this.#socket.writableNeedDrain
  }

  /** Writes bytes, which are not changed any more, or text of one byte a character. True: no more for now. */
  write(data: Buffer | string): boolean {
    const before = this.#pending
    if (before === undefined) this.#pending = data
    else if (typeof before === 'string' && typeof data === 'string') this.#pending = before + data
    else if (typeof before === 'string' && data.length <= SHORT) this.#pending = before + data.toString('latin1')
    else {
      this.#send()
      this.#pending = data
    }
    if (this.#pending!.length >= MOST_WAITING) this.#send()
    else if (!this.#isListed) {
      this.#isListed = true
      this.#turn.add(this)
    }
    return this.full()
  }

  /** Writes parts of a buffer that is read into again at once. True: no more for now. */
  copy(bytes: Buffer, ranges: readonly number[], before = '', after = ''): boolean {
    const size = sizeOf(ranges) + before.length + after.length
    if (size > ROOM || this.#plainly) return this.write(copyOf(bytes, ranges, before, after))
    const copy = this.#turn.room(size)
    copyInto(copy, bytes, ranges, before, after)
    return this.write(copy)
  }

  /** The turn has ended. */
  flush(): void {
    this.#isListed = false
    this.#send()
  }

  /** Ends the connection behind what was written. */
  end(): void {
    this.#send()
    this.#socket.end()
  }

  /** The same, and what comes of the other side is not waited for. */
  destroySoon(): void {
    this.#send()
    this.#socket.destroySoon()
  }

  /** Ends the connection at once; what was written before has gone if the system took it. */
  destroy(): void {
    this.#send()
    this.#socket.destroy()
  }

  #send(): void {
    const data = this.#pending
    if (data === undefined) return
    this.#pending = undefined
    const socket = this.#socket
    if (socket.destroyed) return
    if (this.#isDirect()) return this.#write(data)
    if (typeof data !== 'string') this.#turn.keep(data)
    socket.write(data, 'latin1')
  }

  /** What a stream keeps goes first. */
  #isDirect(): boolean {
    const socket = this.#socket
    return !this.#plainly && !socket.connecting && socket.writableLength === 0 && socket.writable
  }

  #write(data: Buffer | string): void {
    this.#atOnce = false
    this.#writing = true
    this.#socket._write(data, (typeof data === 'string' ? 'latin1' : 'buffer') as BufferEncoding, this.#taken)
    this.#writing = false
    if (this.#atOnce) return
    if (typeof data !== 'string') this.#turn.keep(data)
    this.#sizes.push(data.length)
    this.#waiting += data.length
    if (this.#waiting >= MOST_WAITING) this.#full = true
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
