/** Bytes that are written one after the other, and read so, for every protocol. */
import { isUtf8 } from 'node:buffer'
import { shortText } from 'dure/contract/internal'
import { Malformed, MAX_DEPTH, Misfit, TYPE } from './protocol.ts'

/** More than this is given back after a message that needed it. */
const SPARE = 64 * 1024

/** Strings of ASCII up to this length are written by hand, which is faster than a call for them. */
const SHORT = 32

/** A growing buffer, used for message after message. */
export class Output {
  protected data: Buffer = Buffer.allocUnsafeSlow(4 * 1024)
  protected at = 0
  readonly #most: number

  /** @param most bytes that a message may have */
  constructor(most: number) {
    this.#most = most
  }

  /** Begins a message in its frame: four bytes for how long it is. */
  frame(): void {
    this.at = 4
  }

  /** The whole frame, in bytes of its own. */
  framed(): Buffer {
    this.data.writeUInt32BE(this.at - 4, 0)
    return this.#taken()
  }

  #taken(): Buffer {
    const taken = Buffer.allocUnsafe(this.at)
    this.data.copy(taken, 0, 0, this.at)
    if (this.data.length > SPARE) this.data = Buffer.allocUnsafeSlow(4 * 1024)
    this.at = 0
    return taken
  }

  protected room(size: number): void {
    const needed = this.at + size
    if (needed <= this.data.length) return
    if (needed > this.#most) throw new Misfit(`it is larger than ${this.#most} bytes`)
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.data.length * 2))
    this.data.copy(larger, 0, 0, this.at)
    this.data = larger
  }

  /** Writes text behind `header` bytes that say how long it is, if it is short and plain; else leaves everything as it is. */
  protected plain(text: string, header: number): boolean {
    const { length } = text
    if (length > SHORT) return false
    const start = this.at + header
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at)
      if (code > 127) return false
      this.data[start + at] = code
    }
    return true
  }
}

/** @throws {Misfit} for half of a character, which UTF-8 has no bytes for */
export function textLength(text: string): number {
  if (!text.isWellFormed()) throw new Misfit('its text has half of a character (a lone surrogate), which UTF-8 cannot say')
  return Buffer.byteLength(text)
}

/** Bytes of one message. */
export class Input {
  type = 0
  valueType = 0
  id = 0
  protected readonly data: Buffer
  protected at: number
  #depth = 0

  constructor(data: Buffer, at: number = 0) {
    this.data = data
    this.at = at
  }

  get left(): number {
    return this.data.length - this.at
  }

  protected need(size: number): void {
    if (size > this.data.length - this.at) throw new Malformed('it ends too early')
  }

  protected byte(): number {
    if (this.at >= this.data.length) throw new Malformed('it ends too early')
    return this.data[this.at++]!
  }

  protected text(size: number): string {
    this.need(size)
    const start = this.at
    this.at += size
    return shortText(this.data, start, this.at) ?? this.#utf8(start)
  }

  #utf8(start: number): string {
    const text = this.data.toString('utf8', start, this.at)
    // What is not UTF-8 is read as this, which may stand in a text as well.
    if (text.includes('\ufffd') && !isUtf8(this.data.subarray(start, this.at))) throw new Malformed('a string of it is not UTF-8')
    return text
  }

  /** Bytes of their own: what came is not kept for them. */
  protected cut(size: number): Uint8Array {
    this.need(size)
    const start = this.at
    this.at += size
    return new Uint8Array(this.data.subarray(start, this.at))
  }

  /** How many there are of something that needs at least `least` bytes each. */
  protected count(size: number, least: number): number {
    if (size < 0) throw new Malformed(`a size in it is negative (${size})`)
    if (size * least > this.data.length - this.at) throw new Malformed(`it says ${size} items, which it has no bytes for`)
    return size
  }

  protected enter(): void {
    if (++this.#depth > MAX_DEPTH) throw new Malformed(`it is nested more than ${MAX_DEPTH} levels deep`)
  }

  leave(): void {
    this.#depth--
  }
}

/** Bytes that an item of a type takes at least. */
export function leastOf(type: number, sizes: Readonly<Record<number, number>>): number {
  const least = sizes[type]
  if (least === undefined) throw new Malformed(`it has a type ${type}, which Thrift does not know`)
  return least
}

/** Reads over a value of a type. */
export function skip(from: Skipping, type: number): void {
  switch (type) {
    case TYPE.struct:
      from.begin()
      while (from.field()) skip(from, from.type)
      return from.end()
    case TYPE.list:
    case TYPE.set: {
      const size = type === TYPE.list ? from.list() : from.set()
      const items = from.type
      for (let at = 0; at < size; at++) skip(from, items)
      return from.leave()
    }
    case TYPE.map: {
      const size = from.map()
      const { type: keys, valueType: values } = from
      for (let at = 0; at < size; at++) {
        skip(from, keys)
        skip(from, values)
      }
      return from.leave()
    }
    default:
      from.skipPlain(type)
  }
}

type Skipping = {
  readonly type: number
  readonly valueType: number
  begin(): void
  field(): boolean
  end(): void
  list(): number
  set(): number
  map(): number
  leave(): void
  /** Of what has no parts. */
  skipPlain(type: number): void
}
