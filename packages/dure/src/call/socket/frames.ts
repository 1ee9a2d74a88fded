/** Frames out of bytes and bytes out of frames: lengths are bounded before anything is kept for them. */
import { encode, UnsendableError } from './codec.ts'
import { TAGGED, HEADER, ProtocolError } from './protocol.ts'

/** Told of each whole frame; its body is `bytes` from `start` to `end` and is gone when this returns. */
export type OnFrame = (type: number, id: number, bytes: Buffer, start: number, end: number) => void

/** Cuts frames out of chunks, in place wherever a chunk holds a frame whole. */
export class FrameReader {
  /** Frames read so far: whoever watches for slow ones compares it. */
  count = 0
  /** Bytes that the next frame may have, with its length. */
  limit: number
  readonly #onFrame: OnFrame
  readonly #onRoom: (bytes: number) => void
  #rest: Buffer | undefined = undefined
  #held = 0
  #stopped = false

  /** @param options.onRoom told how much more (or less) room is held for a frame that is not whole */
  constructor(options: { limit: number; onFrame: OnFrame; onRoom?: (bytes: number) => void }) {
    this.limit = options.limit
    this.#onFrame = options.onFrame
    this.#onRoom = options.onRoom ?? (() => {})
  }

  /** What comes from now on, and what has come and was not told, is nobody's. */
  stop(): void {
    this.#stopped = true
    this.#rest = undefined
    this.#held = 0
  }

  /** Whether a frame has begun and is not whole. */
  get partial(): boolean {
    return this.#held > 0
  }

  /** @throws {ProtocolError} when a length is out of bounds */
  push(chunk: Buffer): void {
    let at = 0
    if (this.#held > 0) {
      at = this.#complete(chunk)
      if (this.#held > 0) return
    }
    const { length } = chunk
    while (length - at >= 4 && !this.#stopped) {
      const size = this.#sizeAt(chunk, at)
      if (length - at < size) break
      this.#take(chunk, at, size)
      at += size
    }
    if (at < length && !this.#stopped) this.#append(chunk, at, length)
  }

  #take(bytes: Buffer, at: number, size: number): void {
    this.count++
    const id = ((bytes[at + 5]! << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!) >>> 0
    this.#onFrame(bytes[at + 4]!, id, bytes, at + HEADER, at + size)
  }

  #sizeAt(bytes: Buffer, at: number): number {
    const size = ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
    if (size < HEADER - 4) throw new ProtocolError(`A frame of ${size} bytes is too short`)
    if (size > this.limit - 4) throw new ProtocolError(`A frame of ${size} bytes is longer than the limit of ${this.limit}`)
    return size + 4
  }

  /** Goes on with the frame whose beginning came earlier; answers how much of the chunk belongs to it. */
  #complete(chunk: Buffer): number {
    let at = 0
    if (this.#held < 4) {
      at = Math.min(4 - this.#held, chunk.length)
      this.#append(chunk, 0, at)
      if (this.#held < 4) return at
    }
    const size = this.#sizeAt(this.#rest!, 0)
    const part = Math.min(size - this.#held, chunk.length - at)
    this.#append(chunk, at, at + part)
    at += part
    if (this.#held === size) {
      const whole = this.#rest!
      this.#rest = undefined
      this.#held = 0
      this.#onRoom(-whole.length)
      this.#take(whole, 0, size)
    }
    return at
  }

  /** Room grows with what has come, not with what a length claims. */
  #append(chunk: Buffer, start: number, end: number): void {
    const needed = this.#held + end - start
    let rest = this.#rest
    if (rest === undefined || rest.length < needed) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(Math.max(512, needed * 2), this.limit)))
      rest?.copy(grown, 0, 0, this.#held)
      this.#onRoom(grown.length - (rest?.length ?? 0))
      if (this.#stopped) return
      rest = grown
      this.#rest = grown
    }
    chunk.copy(rest, this.#held, start, end)
    this.#held = needed
  }
}

const FIRST_ROOM = 16 * 1024
/** A batch's buffer longer than this is not used again. */
const KEPT_ROOM = 64 * 1024
const NO_ROOM = Buffer.alloc(0)

/** Gathers frames until they are sent together. */
export class FrameWriter {
  #bytes: Buffer = NO_ROOM
  #spare: Buffer | undefined = undefined
  #at = 0
  #start = 0

  /** Bytes gathered. */
  get length(): number {
    return this.#at
  }

  begin(type: number, id: number): void {
    this.#room(HEADER)
    const bytes = this.#bytes
    const at = this.#at
    this.#start = at
    bytes[at + 4] = type
    bytes[at + 5] = id >>> 24
    bytes[at + 6] = id >>> 16
    bytes[at + 7] = id >>> 8
    bytes[at + 8] = id
    this.#at = at + HEADER
  }

  /** Ends the frame; answers its size. */
  end(): number {
    const size = this.#at - this.#start - 4
    const bytes = this.#bytes
    const at = this.#start
    bytes[at] = size >>> 24
    bytes[at + 1] = size >>> 16
    bytes[at + 2] = size >>> 8
    bytes[at + 3] = size
    return size + 4
  }

  /** Takes back the frame that was begun last, ended or not. */
  undo(): void {
    this.#at = this.#start
  }

  byte(value: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = value
  }

  short(value: number): void {
    this.#room(2)
    this.#bytes[this.#at++] = value >>> 8
    this.#bytes[this.#at++] = value
  }

  int(value: number): void {
    this.#room(4)
    const bytes = this.#bytes
    let at = this.#at
    bytes[at++] = value >>> 24
    bytes[at++] = value >>> 16
    bytes[at++] = value >>> 8
    bytes[at++] = value
    this.#at = at
  }

  /**
   * Text with its length before it.
   * @throws {UnsendableError} when it is longer than 65,535 bytes
   */
  text(text: string): void {
    const most = text.length * 3
    if (most > 0xffff && Buffer.byteLength(text) > 0xffff)
      throw new UnsendableError({ path: [], message: 'A text that goes with the call is longer than 65,535 bytes' })
    this.#room(2 + most)
    const size = this.#bytes.write(text, this.#at + 2, most, 'utf8')
    this.#bytes[this.#at] = size >>> 8
    this.#bytes[this.#at + 1] = size
    this.#at += 2 + size
  }

  /**
   * A value, after flags (or 0) that tell its form; nothing more may follow in the frame.
   * @throws {UnsendableError} for what cannot travel; the frame must be taken back then
   */
  value(value: unknown, flags: number, flagsAt: number): void {
    if (value === undefined) {
      this.#bytes[flagsAt] = flags
      return
    }
    const { bytes, start, end, tagged } = encode(value)
    this.#room(end - start)
    this.#bytes[flagsAt] = tagged ? flags | TAGGED : flags
    bytes.copy(this.#bytes, this.#at, start, end)
    this.#at += end - start
  }

  /** Where the next byte goes: to fill it in later. */
  mark(): number {
    this.#room(1)
    return this.#at++
  }

  /** All that was gathered; give the buffer back with `release` when it has been sent. */
  take(): Buffer {
    const batch = this.#bytes.subarray(0, this.#at)
    this.#at = 0
    this.#bytes = this.#spare ?? NO_ROOM
    this.#spare = undefined
    return batch
  }

  /** Lets go of the room that is kept for the next frames; nothing to do while there are some. */
  shrink(): void {
    this.#spare = undefined
    if (this.#at === 0) this.#bytes = NO_ROOM
  }

  release(batch: Buffer): void {
    if (batch.buffer.byteLength <= KEPT_ROOM) this.#spare = Buffer.from(batch.buffer, 0, batch.buffer.byteLength)
  }

  #room(size: number): void {
    const needed = this.#at + size
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2, FIRST_ROOM))
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.#bytes = grown
  }
}

/** Reads a body's parts in order. */
export class BodyReader {
  #bytes: Buffer
  #end: number
  at: number

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.at = start
    this.#end = end
  }

  byte(): number {
    const at = this.#step(1)
    return this.#bytes[at]!
  }

  short(): number {
    const at = this.#step(2)
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!
  }

  int(): number {
    return this.#bytes.readUInt32BE(this.#step(4))
  }

  text(): string {
    const size = this.short()
    const at = this.#step(size)
    return this.#bytes.toString('utf8', at, at + size)
  }

  #step(size: number): number {
    const at = this.at
    if (at + size > this.#end) throw new ProtocolError('A frame ends before what it says')
    this.at = at + size
    return at
  }
}
