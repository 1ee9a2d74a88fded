/** The compact protocol: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md */
import { Input, leastOf, Output, skip, textLength } from './bytes.ts'
import { Malformed, TYPE, type MessageHead, type Reader, type Writer } from './protocol.ts'

const PROTOCOL = 0x82
const VERSION = 1
const TRUE = 1
const FALSE = 2

/** The protocol's own numbers of types, and back. */
const COMPACT = new Uint8Array([0, 0, 1, 3, 7, 0, 4, 0, 5, 0, 6, 8, 12, 11, 10, 9, 13])
const FROM = new Uint8Array([0, 2, 2, 3, 6, 8, 10, 4, 11, 15, 14, 13, 12, 16])

const LEAST = { 2: 1, 3: 1, 4: 8, 6: 1, 8: 1, 10: 1, 11: 1, 12: 1, 13: 1, 14: 1, 15: 1, 16: 16 }

export class CompactWriter extends Output implements Writer {
  #last = 0
  readonly #outer: number[] = []

  override frame(): void {
    super.frame()
    this.#outer.length = 0
    this.#last = 0
  }

  message(name: string, type: number, sequence: number): void {
    this.room(2)
    this.data[this.at++] = PROTOCOL
    this.data[this.at++] = (type << 5) | VERSION
    this.#varint(sequence >>> 0)
    this.string(name)
  }

  begin(): void {
    this.#outer.push(this.#last)
    this.#last = 0
  }

  field(type: number, id: number): void {
    this.#head(COMPACT[type]!, id)
  }

  boolField(id: number, value: boolean): void {
    this.#head(value ? TRUE : FALSE, id)
  }

  #head(type: number, id: number): void {
    this.room(6)
    const step = id - this.#last
    if (step > 0 && step < 16) this.data[this.at++] = (step << 4) | type
    else {
      this.data[this.at++] = type
      this.#varint(((id << 1) ^ (id >> 31)) >>> 0)
    }
    this.#last = id
  }

  end(): void {
    this.room(1)
    this.data[this.at++] = TYPE.stop
    this.#last = this.#outer.pop()!
  }

  bool(value: boolean): void {
    this.room(1)
    this.data[this.at++] = value ? TRUE : FALSE
  }

  i32(value: number): void {
    this.room(5)
    this.#varint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  i64(value: number): void {
    this.room(10)
    if (value >= -1_073_741_824 && value < 1_073_741_824) return this.#varint(((value << 1) ^ (value >> 31)) >>> 0)
    const high = Math.floor(value / 4_294_967_296)
    const low = (value - high * 4_294_967_296) >>> 0
    const sign = high >> 31
    let upper = (((high << 1) | (low >>> 31)) ^ sign) >>> 0
    let lower = ((low << 1) ^ sign) >>> 0
    while (upper !== 0) {
      this.data[this.at++] = (lower & 0x7f) | 0x80
      lower = ((lower >>> 7) | (upper << 25)) >>> 0
      upper >>>= 7
    }
    this.#varint(lower)
  }

  double(value: number): void {
    this.room(8)
    this.at = this.data.writeDoubleLE(value, this.at)
  }

  string(value: string): void {
    this.room(5 + 32)
    if (this.plain(value, 1)) {
      this.data[this.at] = value.length
      this.at += 1 + value.length
      return
    }
    const size = textLength(value)
    this.room(5 + size)
    this.#varint(size)
    this.at += this.data.write(value, this.at, 'utf8')
  }

  bytes(value: Uint8Array): void {
    this.room(5 + value.length)
    this.#varint(value.length)
    this.data.set(value, this.at)
    this.at += value.length
  }

  list(type: number, size: number): void {
    this.room(6)
    if (size < 15) this.data[this.at++] = (size << 4) | COMPACT[type]!
    else {
      this.data[this.at++] = 0xf0 | COMPACT[type]!
      this.#varint(size)
    }
  }

  set(type: number, size: number): void {
    this.list(type, size)
  }

  map(key: number, value: number, size: number): void {
    this.room(6)
    this.#varint(size)
    if (size > 0) this.data[this.at++] = (COMPACT[key]! << 4) | COMPACT[value]!
  }

  /** @param value of 32 bits, without a sign */
  #varint(value: number): void {
    let left = value
    while (left > 0x7f) {
      this.data[this.at++] = (left & 0x7f) | 0x80
      left >>>= 7
    }
    this.data[this.at++] = left
  }
}

export class CompactReader extends Input implements Reader {
  #last = 0
  readonly #outer: number[] = []
  /** Of a field that is its own value. */
  #bool: boolean | undefined = undefined

  message(): MessageHead {
    if (this.byte() !== PROTOCOL) throw new Malformed('it has no mark of the compact protocol')
    const head = this.byte()
    if ((head & 0x1f) !== VERSION)
      throw new Malformed(`it has version ${head & 0x1f} of the compact protocol, which is not known`)
    const sequence = this.#varint() | 0
    return { name: this.string(), type: head >> 5, sequence }
  }

  begin(): void {
    this.enter()
    this.#outer.push(this.#last)
    this.#last = 0
  }

  field(): boolean {
    const head = this.byte()
    if (head === TYPE.stop) {
      this.type = TYPE.stop
      return false
    }
    const compact = head & 0x0f
    this.type = typeFrom(compact)
    this.#bool = compact === TRUE ? true : compact === FALSE ? false : undefined
    const step = head >> 4
    this.id = step === 0 ? (this.i32() << 16) >> 16 : this.#last + step
    this.#last = this.id
    return true
  }

  next(type: number, id: number): boolean {
    const head = this.data[this.at]
    if (head === undefined || id - this.#last !== head >> 4) return false
    const compact = head & 0x0f
    if (compact === TYPE.stop || FROM[compact] !== type) return false
    this.#bool = compact === TRUE ? true : compact === FALSE ? false : undefined
    this.#last = id
    this.at++
    return true
  }

  end(): void {
    this.#last = this.#outer.pop()!
    this.leave()
  }

  ends(): boolean {
    if (this.data[this.at] !== TYPE.stop) return false
    this.at++
    this.end()
    return true
  }

  bool(): boolean {
    const own = this.#bool
    if (own === undefined) return this.byte() === TRUE
    this.#bool = undefined
    return own
  }

  i32(): number {
    const value = this.#varint()
    return (value >>> 1) ^ -(value & 1)
  }

  i64(): number {
    let [lower, upper, shift] = [0, 0, 0]
    for (;;) {
      const byte = this.byte()
      const bits = byte & 0x7f
      if (shift < 28) lower |= bits << shift
      else if (shift === 28) {
        lower |= bits << 28
        upper |= bits >> 4
      } else upper |= bits << (shift - 32)
      if (byte < 0x80) break
      shift += 7
      if (shift > 63) throw new Malformed('an integer in it is longer than 64 bits')
    }
    const sign = -(lower & 1)
    const low = (((lower >>> 1) | (upper << 31)) ^ sign) >>> 0
    const high = ((upper >>> 1) ^ sign) | 0
    const value = high * 4_294_967_296 + low
    if (!Number.isSafeInteger(value)) throw new Malformed('an integer in it is beyond 53 bits')
    return value
  }

  double(): number {
    this.need(8)
    const value = this.data.readDoubleLE(this.at)
    this.at += 8
    return value
  }

  string(): string {
    return this.text(this.count(this.#varint(), 1))
  }

  bytes(): Uint8Array {
    return this.cut(this.count(this.#varint(), 1))
  }

  list(): number {
    this.enter()
    this.#bool = undefined
    const head = this.byte()
    this.type = typeFrom(head & 0x0f)
    const size = head >> 4 === 15 ? this.#varint() : head >> 4
    return size === 0 ? 0 : this.count(size, leastOf(this.type, LEAST))
  }

  set(): number {
    return this.list()
  }

  map(): number {
    this.enter()
    this.#bool = undefined
    const size = this.#varint()
    if (size === 0) {
      this.type = this.valueType = TYPE.stop
      return 0
    }
    const types = this.byte()
    this.type = typeFrom(types >> 4)
    this.valueType = typeFrom(types & 0x0f)
    return this.count(size, leastOf(this.type, LEAST) + leastOf(this.valueType, LEAST))
  }

  skip(type: number): void {
    skip(this, type)
  }

  skipPlain(type: number): void {
    switch (type) {
      case TYPE.bool:
        return void this.bool()
      case TYPE.i8:
        return void this.byte()
      case TYPE.i16:
      case TYPE.i32:
      case TYPE.i64:
        return this.#skipVarint()
      default: {
        const size = type === TYPE.string ? this.count(this.#varint(), 1) : type === TYPE.double ? 8 : 16
        this.need(size)
        this.at += size
      }
    }
  }

  /** Of 32 bits, without a sign. */
  #varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new Malformed('an integer in it is longer than 32 bits')
  }

  #skipVarint(): void {
    for (let most = 10; most > 0; most--) if (this.byte() < 0x80) return
    throw new Malformed('an integer in it is longer than 64 bits')
  }
}

function typeFrom(compact: number): number {
  const type = FROM[compact]
  if (type === undefined || type === TYPE.stop) throw new Malformed(`it has a type ${compact}, which Thrift does not know`)
  return type
}
