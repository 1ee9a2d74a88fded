/** Messages on a stream: a byte that says whether it is compressed, four with its length, and the message. */
import { gunzipSync, gzipSync } from 'node:zlib'
import { CallError } from 'dure/contract'

/** Bytes before each message. */
export const PREFIX = 5

/** Whoever messages are for. */
export type MessageTaker = {
  /** The largest message, compressed or not. */
  readonly limit: number
  readonly encoding: string | undefined
  readonly message: (bytes: Buffer) => void
}

/** Takes bytes as they come, and gives on messages as they are whole. */
export class MessageParser {
  readonly #taker: MessageTaker
  /** Of the message at hand, with its prefix. */
  #parts: Buffer[] | undefined
  #have = 0
  #need = PREFIX

  constructor(taker: MessageTaker) {
    this.#taker = taker
  }

  /** Whether all that came is whole messages. */
  get isWhole(): boolean {
    return this.#have === 0
  }

  /** @throws {CallError} RESOURCE_EXHAUSTED for one that is too large, INVALID_ARGUMENT for bytes that are none */
  push(given: Uint8Array): void {
    const bytes = Buffer.isBuffer(given) ? given : Buffer.from(given.buffer, given.byteOffset, given.byteLength)
    let at = 0
    while (at < bytes.length) {
      // All of it is here: most messages are.
      if (this.#have === 0 && bytes.length - at >= PREFIX) {
        const size = this.#sizeOf(bytes, at)
        if (bytes.length - at >= size) {
          this.#take(bytes.subarray(at, at + size))
          at += size
          continue
        }
        this.#need = size
      }
      at += this.#keep(bytes.subarray(at, at + this.#need - this.#have))
    }
  }

  /** Adds to the message at hand, and gives it on when it is whole. @returns how much it was */
  #keep(part: Buffer): number {
    const parts = (this.#parts ??= [])
    parts.push(part)
    this.#have += part.length
    if (this.#have < this.#need) return part.length
    const whole = Buffer.concat(parts, this.#have)
    if (this.#need === PREFIX && this.#sizeOf(whole, 0) > PREFIX) {
      this.#need = this.#sizeOf(whole, 0)
      this.#parts = [whole]
      return part.length
    }
    this.#parts = undefined
    this.#have = 0
    this.#need = PREFIX
    this.#take(whole)
    return part.length
  }

  #take(whole: Buffer): void {
    const body = whole.subarray(PREFIX)
    this.#taker.message(whole[0] === 0 ? body : inflated(body, this.#taker))
  }

  /** The size of a message with its prefix. */
  #sizeOf(prefix: Buffer, at: number): number {
    const flag = prefix[at]!
    if (flag > 1)
      throw new CallError(
        'INVALID_ARGUMENT',
        `Cannot read the request: a message in it begins with ${flag}, which is neither 0 nor 1`,
      )
    const size = prefix.readUInt32BE(at + 1)
    if (size > this.#taker.limit) throw tooLarge(size, this.#taker.limit)
    return PREFIX + size
  }
}

function tooLarge(size: number, limit: number): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    `Cannot take the message: it has ${size} bytes, and ${limit} are allowed; send less at once`,
  )
}

function inflated(body: Buffer, { encoding, limit }: { readonly encoding: string | undefined; readonly limit: number }): Buffer {
  if (encoding !== 'gzip')
    throw new CallError(
      'INVALID_ARGUMENT',
      'Cannot read the request: a message is compressed, and grpc-encoding does not say how',
    )
  try {
    return gunzipSync(body, { maxOutputLength: limit })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new CallError(
        'RESOURCE_EXHAUSTED',
        `Cannot take the message: unpacked it has more than the ${limit} bytes that are allowed`,
      )
    throw new CallError('INVALID_ARGUMENT', 'Cannot read the request: a message is not what gzip writes')
  }
}

/** Smaller ones do not become smaller. */
const WORTH = 512

/** Fills in what stands before a message. @param message with `PREFIX` bytes free before it */
export function framed(message: Buffer, gzip: boolean): Buffer {
  if (gzip && message.length >= WORTH) {
    const packed = gzipSync(message.subarray(PREFIX))
    const head = Buffer.allocUnsafe(PREFIX)
    head[0] = 1
    head.writeUInt32BE(packed.length, 1)
    return Buffer.concat([head, packed])
  }
  message[0] = 0
  message.writeUInt32BE(message.length - PREFIX, 1)
  return message
}
