/**
 * A message as AMQP 1.0 writes it: sections that are named by a number, of typed values. Whoever may write to a broker chooses
 * these bytes; so reading takes as long, and as much memory, as there are bytes, whatever they claim.
 */

export type AmqpMessage = {
  readonly id?: unknown
  readonly createdAt?: Date | undefined
  readonly groupId?: string | undefined
  readonly headers: readonly (readonly [name: string, value: unknown])[]
  readonly contentType?: string | undefined
  readonly data: Buffer | string | null
}

const SECTION = { header: 0x70, delivery: 0x71, annotations: 0x72, properties: 0x73, application: 0x74, data: 0x75 }
const [SEQUENCE, VALUE, FOOTER] = [0x76, 0x77, 0x78]
/** Where each stands among the properties. */
const [MESSAGE_ID, CONTENT_TYPE, CREATION_TIME, GROUP_ID] = [0, 6, 9, 10]

const section = (code: number): Buffer => Buffer.from([0, 0x53, code])

/** A value of varying length: its kind is a number for up to 255 bytes, and the same with `0x10` more for longer ones. */
function sized(kind: number, bytes: Buffer): Buffer {
  if (bytes.length < 256) return Buffer.concat([Buffer.from([kind, bytes.length]), bytes])
  const head = Buffer.from([kind | 0x10, 0, 0, 0, 0])
  head.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([head, bytes])
}

const [BINARY, STRING, SYMBOL] = [0xa0, 0xa1, 0xa3]

/**
 * A message with these application properties.
 *
 * @example
 * ```ts
 * import { readAmqpMessage, writeAmqpMessage } from 'dure/messaging/adapter'
 *
 * const bytes = writeAmqpMessage([['tenant', 'a']], 'application/json', '{"total":7}')
 * console.log(readAmqpMessage(bytes).headers) // → [ [ 'tenant', 'a' ] ]
 * ```
 */
export function writeAmqpMessage(headers: readonly (readonly [string, string])[], contentType: string, data: string): Buffer {
  // Before the media type stand six properties that a message of ours has not.
  const type = sized(SYMBOL, Buffer.from(contentType))
  const properties = Buffer.concat([Buffer.from(Array.from({ length: CONTENT_TYPE }, () => 0x40)), type])
  const application = headers.flatMap(([name, value]) => [sized(STRING, Buffer.from(name)), sized(STRING, Buffer.from(value))])
  return Buffer.concat([
    ...[section(SECTION.properties), compound(0xd0, CONTENT_TYPE + 1, [properties])],
    ...[section(SECTION.application), compound(0xd1, application.length, application)],
    ...[section(SECTION.data), sized(BINARY, Buffer.from(data))],
  ])
}

function compound(kind: number, count: number, parts: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(9)
  head[0] = kind
  head.writeUInt32BE(
    parts.reduce((sum, { length }) => sum + length, 4),
    1,
  )
  head.writeUInt32BE(count, 5)
  return Buffer.concat([head, ...parts])
}

/**
 * What a message of AMQP 1.0 says: its data as bytes, a text, or as JSON what is neither.
 * @throws {Error} when it is no message, or claims more values than it has bytes
 *
 * @example
 * ```ts
 * import { readAmqpMessage, writeAmqpMessage } from 'dure/messaging/adapter'
 *
 * console.log(String(readAmqpMessage(writeAmqpMessage([], 'application/json', '{"total":7}')).data)) // → {"total":7}
 * ```
 */
export function readAmqpMessage(bytes: Buffer): AmqpMessage {
  const values = valuesOf(bytes)
  let headers: [string, unknown][] = []
  let properties: readonly unknown[] = []
  const bodies: unknown[] = []
  while (values.more()) {
    const found = values.next()
    if (!(found instanceof Described)) throw new Error('it has something between its sections')
    const { code, value } = found
    if (code === SECTION.application && value instanceof Map) headers = [...value].map(([name, one]) => [String(name), one])
    else if (code === SECTION.properties && Array.isArray(value)) properties = value
    else if (code === SECTION.data || code === SEQUENCE || code === VALUE) bodies.push(value)
    else if (code < SECTION.header || code > FOOTER) throw new Error(`it has a section ${code}, which there is none`)
  }
  const textAt = (place: number): string | undefined => (typeof properties[place] === 'string' ? properties[place] : undefined)
  const [id, time] = [properties[MESSAGE_ID] ?? undefined, properties[CREATION_TIME]]
  return {
    ...{ id, createdAt: time instanceof Date ? time : undefined, groupId: textAt(GROUP_ID) },
    ...{ headers, contentType: textAt(CONTENT_TYPE), data: bodyOf(bodies) },
  }
}

/** Bytes of one or several data sections, or a value as it would stand in JSON. */
function bodyOf(bodies: readonly unknown[]): Buffer | string | null {
  if (bodies.length === 0) return null
  if (bodies.every((one) => Buffer.isBuffer(one))) return bodies.length === 1 ? bodies[0]! : Buffer.concat(bodies)
  const [first] = bodies
  return typeof first === 'string' ? first : JSON.stringify(bodies.length === 1 ? plain(first) : bodies.map(plain))
}

function plain(value: unknown): unknown {
  if (value instanceof Described) return plain(value.value)
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, one]) => [String(name), plain(one)]))
  if (Array.isArray(value)) return value.map(plain)
  if (Buffer.isBuffer(value)) return value.toString('base64')
  return typeof value === 'bigint' ? Number(value) : value
}

class Described {
  readonly code: number
  readonly value: unknown
  constructor(code: number, value: unknown) {
    this.code = code
    this.value = value
  }
}

/** Values within each other, at most. */
const MOST_DEPTH = 16

function valuesOf(bytes: Buffer) {
  let at = 0
  /** Some kinds have no bytes: without a bound, as many as are claimed would fill the memory. */
  let left = bytes.length
  const take = (size: number): number => {
    if (size < 0 || at + size > bytes.length) throw new Error(`it ends within a value of ${size} bytes`)
    at += size
    return at - size
  }
  const size = (wide: boolean): number => (wide ? bytes.readUInt32BE(take(4)) : bytes.readUInt8(take(1)))
  const next = (depth: number): unknown => {
    if (depth > MOST_DEPTH) throw new Error(`its values are more than ${MOST_DEPTH} deep in each other`)
    const kind = bytes.readUInt8(take(1))
    if (kind === 0) {
      const code = next(depth + 1)
      return new Described(Number(code), next(depth + 1))
    }
    return read(kind, depth)
  }
  const read = (kind: number, depth: number): unknown => {
    const fixed = FIXED[kind]
    if (fixed !== undefined) return fixed.read(bytes, take(fixed.size))
    const wide = (kind & 0x10) !== 0
    switch (kind & 0xef) {
      case BINARY: {
        const length = size(wide)
        return bytes.subarray(take(length), at)
      }
      case STRING:
      case SYMBOL: {
        const length = size(wide)
        return bytes.toString('utf8', take(length), at)
      }
      case 0xc0:
      case 0xc1: {
        size(wide)
        const count = size(wide)
        const items: unknown[] = []
        while (items.length < count) items.push(next(depth + 1))
        if ((kind & 0xef) === 0xc0) return items
        return new Map(items.flatMap((key, n) => (n % 2 === 0 ? [[key, items[n + 1]] as const] : [])))
      }
      case 0xe0: {
        size(wide)
        const count = size(wide)
        if (count > left) throw new Error(`it claims ${count} values`)
        left -= count
        const of = bytes.readUInt8(take(1))
        const items: unknown[] = []
        while (items.length < count) items.push(read(of, depth + 1))
        return items
      }
    }
    throw new Error(`it has a value of an unknown kind (${kind})`)
  }
  return { more: () => at < bytes.length, next: () => next(0) }
}

type Fixed = { readonly size: number; readonly read: (bytes: Buffer, at: number) => unknown }

const exact = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value)

const FIXED: Readonly<Record<number, Fixed>> = {
  0x40: { size: 0, read: () => null },
  0x41: { size: 0, read: () => true },
  0x42: { size: 0, read: () => false },
  0x43: { size: 0, read: () => 0 },
  0x44: { size: 0, read: () => 0 },
  0x45: { size: 0, read: () => [] },
  0x50: { size: 1, read: (bytes, at) => bytes.readUInt8(at) },
  0x51: { size: 1, read: (bytes, at) => bytes.readInt8(at) },
  0x52: { size: 1, read: (bytes, at) => bytes.readUInt8(at) },
  0x53: { size: 1, read: (bytes, at) => bytes.readUInt8(at) },
  0x54: { size: 1, read: (bytes, at) => bytes.readInt8(at) },
  0x55: { size: 1, read: (bytes, at) => bytes.readInt8(at) },
  0x56: { size: 1, read: (bytes, at) => bytes.readUInt8(at) !== 0 },
  0x60: { size: 2, read: (bytes, at) => bytes.readUInt16BE(at) },
  0x61: { size: 2, read: (bytes, at) => bytes.readInt16BE(at) },
  0x70: { size: 4, read: (bytes, at) => bytes.readUInt32BE(at) },
  0x71: { size: 4, read: (bytes, at) => bytes.readInt32BE(at) },
  0x72: { size: 4, read: (bytes, at) => bytes.readFloatBE(at) },
  0x73: { size: 4, read: (bytes, at) => String.fromCodePoint(bytes.readUInt32BE(at)) },
  0x74: { size: 4, read: (bytes, at) => bytes.toString('hex', at, at + 4) },
  0x80: { size: 8, read: (bytes, at) => exact(bytes.readBigUInt64BE(at)) },
  0x81: { size: 8, read: (bytes, at) => exact(bytes.readBigInt64BE(at)) },
  0x82: { size: 8, read: (bytes, at) => bytes.readDoubleBE(at) },
  0x83: { size: 8, read: (bytes, at) => new Date(Number(bytes.readBigInt64BE(at))) },
  0x84: { size: 8, read: (bytes, at) => bytes.toString('hex', at, at + 8) },
  0x94: { size: 16, read: (bytes, at) => bytes.toString('hex', at, at + 16) },
  0x98: { size: 16, read: (bytes, at) => bytes.toString('hex', at, at + 16) },
}
