/**
 * Values of the wire type system as bytes. Nearly every value is plain enough for MessagePack to keep it exactly; a
 * look says so, and the rest goes in another form (`tagged-form.ts`). What cannot travel is found here, in the words in
 * which a callee in the same process would refuse it.
 */
import { Packr, REUSE_BUFFER_MODE, RESET_BUFFER_MODE } from 'msgpackr'
import { type Issue } from '../../contract/contract.ts'
import { wireOf } from '../../contract/internal.ts'
import { checkBytes } from './bytes.ts'
import { toTagged, isPlainText, fromTagged } from './tagged-form.ts'
import { TAGGED, ProtocolError } from './protocol.ts'

/** Bytes in a buffer that the next call of `encode` writes over: copy them at once. */
export type Encoded = { bytes: Buffer; start: number; end: number; tagged: boolean }

/** A value that cannot travel, and where in it why. */
export class UnsendableError extends Error {
  override readonly name = 'UnsendableError'
  readonly issue: Issue

  constructor(issue: Issue) {
    super(issue.message)
    this.issue = issue
  }
}

// Records stay off: definitions that a peer sends would be compiled and kept. References would let it send cycles.
const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  useBigIntExtension: true,
  copyBuffers: true,
  structuredClone: false,
  useToJSON: false,
})

const checkWire = wireOf(undefined, 'input').check
const MODE = REUSE_BUFFER_MODE | RESET_BUFFER_MODE
const KEPT_BUFFER = 1024 * 1024
const encoded: Encoded = { bytes: Buffer.alloc(0), start: 0, end: 0, tagged: false }

/** @throws {UnsendableError} for what is not of the wire type system, or cannot be read */
export function encode(value: unknown): Encoded {
  try {
    return write(value)
  } catch (error) {
    const issue = checkWire(value)
    throw issue === undefined ? error : new UnsendableError(issue)
  }
}

function write(value: unknown): Encoded {
  const tagged = !isPlain(value, 0)
  if (tagged) {
    const issue = checkWire(value)
    if (issue !== undefined) throw new UnsendableError(issue)
  }
  const target = packr.pack(tagged ? toTagged(value) : value, MODE) as Buffer & { start: number; end: number }
  encoded.bytes = target
  encoded.start = target.start
  encoded.end = target.end
  encoded.tagged = tagged
  // One large value must not hold memory for ever.
  if (target.length > KEPT_BUFFER) packr.useBuffer(Buffer.allocUnsafeSlow(8192))
  return encoded
}

/** Small frames are read from one small buffer: keys are remembered for those, and nothing is made for each. */
const small = Buffer.allocUnsafeSlow(139)
const range = { start: 0, end: 0 }

/**
 * The value back; it shares no memory with `bytes`.
 * @throws {ProtocolError} for bytes that `encode` never makes
 */
export function decode(bytes: Buffer, start: number, end: number, tagged: boolean): unknown {
  if (start === end) return undefined
  checkBytes(bytes, start, end)
  const value = unpack(bytes, start, end)
  return tagged ? fromTagged(value) : value
}

/** A value with its form before it. @throws {ProtocolError} */
export function readValue(bytes: Buffer, start: number, end: number): unknown {
  if (start === end) throw new ProtocolError('A frame ends before what it says')
  return decode(bytes, start + 1, end, (bytes[start]! & TAGGED) !== 0)
}

function unpack(bytes: Buffer, start: number, end: number): unknown {
  try {
    const length = end - start
    if (length <= small.length) {
      bytes.copy(small, 0, start, end)
      return packr.unpack(small, length)
    }
    range.start = start
    range.end = end
    return packr.unpack(bytes, range)
  } catch (error) {
    throw new ProtocolError(`A value cannot be read: ${(error as Error).message.slice(0, 200)}`)
  }
}

/** Containers inside containers that are looked into; the wire type system's own limit is checked for what is deeper. */
const PLAIN_DEPTH = 100

/** Whether MessagePack brings the value back exactly as it is. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
      return isPlainText(value)
    case 'number':
      return value !== 0 || 1 / value > 0
    case 'boolean':
    case 'undefined':
    case 'bigint':
      return true
    case 'object':
      return value === null || (depth < PLAIN_DEPTH && isPlainContainer(value, depth + 1))
    default:
      return false
  }
}

function isPlainContainer(value: object, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype) {
    for (const key in value) {
      if (key === '__proto__' || !isPlainText(key) || !isPlain((value as Record<string, unknown>)[key], depth)) return false
    }
    return true
  }
  if (prototype === Array.prototype) {
    const list = value as unknown[]
    for (let i = 0; i < list.length; i++) if (!isPlain(list[i], depth)) return false
    return true
  }
  if (prototype === Date.prototype) {
    // What MessagePack's time stamps of 32 and 64 bits hold to the millisecond.
    const time = (value as Date).getTime()
    return time > 1000 && time < 4_294_967_296_000
  }
  return false
}
