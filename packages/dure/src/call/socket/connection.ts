import { describeThrown } from '../../contract/internal.ts'
import type { Timers } from '../../runtime/runtime.ts'
import type { ByteStream } from './byte-stream.ts'
import { FrameReader, FrameWriter, type OnFrame } from './frames.ts'
import type { SocketLimits } from './limits.ts'
import { HELLO_LIMIT } from './hello.ts'

/** Bytes after which a batch goes out before the turn is over: the other side works on it while this one goes on. */
const LONG_BATCH = 5_000

/**
 * One byte stream with frames on it: what is to be sent in one turn goes out in one write; a caller that does not read
 * what it asked for is not read from; whatever is wrong ends the connection, once, with its reason.
 */
export class Connection {
  readonly writer: FrameWriter = new FrameWriter()
  readonly reader: FrameReader
  /** Bytes of the longest frame that the other side takes. */
  frameLimit: number
  /** Something has come since whoever watches last looked. */
  heard = false
  /** Batches that the system has taken. */
  taken = 0
  closed = false
  /** Reads no more while too much waits to be sent. */
  readonly pauses: boolean
  readonly #stream: ByteStream
  readonly #soon: Timers['soon']
  readonly #limits: SocketLimits
  readonly #onClose: (reason: string) => void
  readonly #onHold: (bytes: number) => void
  /** Bytes that the system had not taken when last looked. */
  #untaken = 0
  #scheduled = false
  #held = false

  constructor(options: {
    stream: ByteStream
    timers: Timers
    limits: SocketLimits
    /** One side only: two that both did would wait for each other for ever. */
    pauses: boolean
    onFrame: OnFrame
    /** Told once. */
    onClose: (reason: string) => void
    /** Told how many bytes more (or less) it holds: frames that are not whole, and what the other side does not take. */
    onHold?: (bytes: number) => void
  }) {
    const { stream, limits } = options
    this.#stream = stream
    this.frameLimit = limits.frame
    this.#soon = options.timers.soon
    this.#limits = limits
    this.pauses = options.pauses
    this.#onClose = options.onClose
    this.#onHold = options.onHold ?? (() => {})
    this.reader = new FrameReader({ limit: HELLO_LIMIT, onFrame: options.onFrame, onRoom: this.#onHold })
    stream.on('data', this.#read)
    stream.on('drain', this.#drained)
    stream.on('error', (error) => this.close(error.message))
    stream.on('end', () => this.close('it was closed by the other side'))
    stream.on('close', () => this.close('it was closed'))
  }

  /** Bytes written and not yet taken by the system. */
  get waiting(): number {
    return this.writer.length + this.#stream.writableLength
  }

  /** Sends what was gathered at the end of this turn. */
  flush(): void {
    if (this.#held) return
    if (this.writer.length > LONG_BATCH) return this.sendNow()
    if (this.#scheduled) return
    this.#scheduled = true
    this.#soon(this.#send)
  }

  /** Gathers without sending, until `release`. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
    this.flush()
  }

  readonly #send = (): void => {
    this.#scheduled = false
    if (this.closed || this.#held) return
    this.sendNow()
  }

  /** Sends what is not held back: the first words of a connection. */
  sendNow(): void {
    if (this.closed || this.writer.length === 0) return
    const batch = this.writer.take()
    this.#stream.write(batch, () => {
      this.taken++
      this.writer.release(batch)
      if (this.#untaken !== 0) this.#countUntaken()
    })
    if (this.#stream.writableLength === 0) return
    if (this.pauses && this.#stream.writableLength > this.#limits.outgoing) this.#stream.pause()
    this.#countUntaken()
  }

  #countUntaken(): void {
    const now = this.closed ? 0 : this.#stream.writableLength
    const change = now - this.#untaken
    this.#untaken = now
    if (change !== 0) this.#onHold(change)
  }

  readonly #drained = (): void => {
    if (!this.closed) this.#stream.resume()
  }

  readonly #read = (chunk: Buffer): void => {
    if (this.closed) return
    this.heard = true
    try {
      this.reader.push(chunk)
    } catch (error) {
      this.close(describeThrown(error).message)
    }
  }

  /** Drops what has not been sent, of a connection that was closed with last words. */
  destroy(): void {
    this.#stream.destroy()
  }

  /** Ends the connection; `lastWords` sends what was gathered first. Idempotent. */
  close(reason: string, options: { lastWords?: boolean } = {}): void {
    if (this.closed) return
    if (options.lastWords === true) this.sendNow()
    this.closed = true
    this.reader.stop()
    if (options.lastWords === true) this.#stream.destroySoon()
    else this.#stream.destroy()
    this.#onClose(reason)
  }
}
