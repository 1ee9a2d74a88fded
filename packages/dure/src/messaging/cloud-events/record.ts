import { isUtf8 } from 'node:buffer'

/** What a broker brought, whoever wrote it. */
export type BrokerRecord = {
  /** The topic (or queue), by its name here. */
  readonly topic: string
  readonly partition: number
  readonly position: string
  /** Milliseconds since the epoch when it was published or taken, as the broker says it each time alike; 0 when it does not. */
  readonly time: number
  readonly key?: Uint8Array | string | null | undefined
  /** Texts, or bytes that are texts; other values are read as JSON has them. Those of the broker itself are left out. */
  readonly headers: Iterable<readonly [name: string, value: unknown]>
  /** Where the protocol has a place for it. */
  readonly contentType?: string | undefined
  readonly data: Uint8Array | string | null | undefined
  /** Why the adapter could not take it apart, in words that fit behind "because"; its data are all of its bytes then. */
  readonly wrong?: string | undefined
}

/** The bytes of a part, as they are or as UTF-8. */
export function bytesOf(part: Uint8Array | string | null | undefined): Buffer {
  if (Buffer.isBuffer(part)) return part
  if (part === null || part === undefined) return Buffer.alloc(0)
  return typeof part === 'string' ? Buffer.from(part) : Buffer.from(part.buffer, part.byteOffset, part.byteLength)
}

/** Bytes as the text that they are in UTF-8; undefined when they are none. */
export function textOfBytes(bytes: Uint8Array): string | undefined {
  const text = bytesOf(bytes).toString()
  // What stands for bytes that are no text may also be one.
  return text.includes('\ufffd') && !isUtf8(bytes) ? undefined : text
}

/** Why a record is no message, in words that fit behind "because". */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError'
}
