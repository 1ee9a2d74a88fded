/** Messages on a stream: a byte that says whether it is compressed, four with its length, and the message. */
import { gunzipSync, gzipSync } from 'node:zlib'
import { CallError } from 'dure/contract'

/** Bytes before each message. */
export const PREFIX = 5

export type MessageParser = {
  /** @throws {CallError} RESOURCE_EXHAUSTED for one that is too large, INVALID_ARGUMENT for bytes that are none */
  readonly push: (bytes: Uint8Array) => void
  /** Whether all that came is whole messages. */
  readonly whole: () => boolean
}

/** Takes bytes as they come, and gives on messages as they are whole. */
export function messageParser(options: {
  /** The largest message, compressed or not. */
  readonly limit: number
  readonly encoding: string | undefined
  readonly message: (bytes: Buffer) => void
}): MessageParser {
  const { limit, message } = options
  // Of the message at hand, with its prefix.
  let parts: Buffer[] = []
  let have = 0
  let need = PREFIX

  const take = (whole: Buffer): void => {
    const body = whole.subarray(PREFIX)
    message(whole[0] === 0 ? body : inflated(body, options))
  }
  /** The size of a message with its prefix. */
  const sizeOf = (prefix: Buffer, at: number): number => {
    const flag = prefix[at]!
    if (flag > 1)
      throw new CallError(
        'INVALID_ARGUMENT',
        `Cannot read the request: a message in it begins with ${flag}, which is neither 0 nor 1`,
      )
    const size = prefix.readUInt32BE(at + 1)
    if (size > limit) throw tooLarge(size, limit)
    return PREFIX + size
  }
  return {
    push: (given) => {
      const bytes = Buffer.isBuffer(given) ? given : Buffer.from(given.buffer, given.byteOffset, given.byteLength)
      let at = 0
      while (at < bytes.length) {
        // All of it is here: most messages are.
        if (have === 0 && bytes.length - at >= PREFIX) {
          const size = sizeOf(bytes, at)
          if (bytes.length - at >= size) {
            take(bytes.subarray(at, at + size))
            at += size
            continue
          }
          need = size
        }
        const part = bytes.subarray(at, at + need - have)
        parts.push(part)
        have += part.length
        at += part.length
        if (have < need) continue
        const whole = Buffer.concat(parts, have)
        if (need === PREFIX && sizeOf(whole, 0) > PREFIX) {
          need = sizeOf(whole, 0)
          parts = [whole]
          continue
        }
        parts = []
        have = 0
        need = PREFIX
        take(whole)
      }
    },
    whole: () => have === 0,
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
