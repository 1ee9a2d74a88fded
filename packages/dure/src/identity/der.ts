/** The few forms of DER that certificates are made of: written, and of requests read. */

export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(tag), lengthOf(body.length), body])
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length)
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Buffer.of(0x80 | bytes.length, ...bytes)
}

export const SEQUENCE = 0x30
export const SET = 0x31
export const INTEGER = 0x02
export const BITS = 0x03
export const OCTETS = 0x04
export const OID = 0x06
export const TEXT = 0x0c

export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(SEQUENCE, ...parts)
export const octets = (bytes: Uint8Array): Buffer => der(OCTETS, bytes)
/** @param unused bits at the end that say nothing */
export const bits = (bytes: Uint8Array, unused = 0): Buffer => der(BITS, Buffer.of(unused), bytes)
export const TRUE: Buffer = Buffer.from([0x01, 0x01, 0xff])
export const text = (value: string): Buffer => der(TEXT, Buffer.from(value))

/** A number that is not negative, big-endian. */
export function integer(bytes: Uint8Array): Buffer {
  let from = 0
  while (from < bytes.length - 1 && bytes[from] === 0) from++
  const least = bytes.subarray(from)
  return der(INTEGER, least[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), least]) : least)
}

/** `1.2.840.10045.4.3.2` */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return der(OID, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128(value: number): readonly number[] {
  const bytes = [value % 128]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift(0x80 | (rest % 128))
  return bytes
}

/** Whole seconds; with four digits of the year from 2050 on, as certificates have it. */
export function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, '')
  const year = Number(digits.slice(0, 4))
  return year >= 1950 && year < 2050 ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits))
}

/** One value as it was read: `whole` with its tag and length. */
export type Node = { readonly tag: number; readonly whole: Buffer; readonly body: Buffer }

/** @throws {RangeError} when bytes are missing, or it is longer than anybody needs */
export function read(bytes: Buffer, at = 0): Node {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined) throw new RangeError('It is cut short')
  const more = first < 0x80 ? 0 : first & 0x7f
  if (more > 3 || first === 0x80) throw new RangeError('It has a length that cannot be')
  let length = more === 0 ? first : 0
  for (let next = 0; next < more; next++) length = length * 256 + (bytes[at + 2 + next] ?? 0)
  const from = at + 2 + more
  if (from + length > bytes.length) throw new RangeError('It is cut short')
  return { tag, whole: bytes.subarray(at, from + length), body: bytes.subarray(from, from + length) }
}

/** What is in a value, one after the other. @throws {RangeError} */
export function parts({ body }: Pick<Node, 'body'>): readonly Node[] {
  const nodes: Node[] = []
  for (let at = 0; at < body.length; at += nodes.at(-1)!.whole.length) nodes.push(read(body, at))
  return nodes
}
