/** The binary protocol, strict: https://github.com/apache/thrift/blob/master/doc/specs/thrift-binary-protocol.md */
import { Input, leastOf, Output, skip, textLength } from './bytes.ts'
import { Malformed, TYPE, type MessageHead, type Reader, type Writer } from './protocol.ts'

const VERSION = 0x8001

const LEAST = { 2: 1, 3: 1, 4: 8, 6: 2, 8: 4, 10: 8, 11: 4, 12: 1, 13: 6, 14: 5, 15: 5, 16: 16 }
const PLAIN: Readonly<Record<number, number>> = { 2: 1, 3: 1, 4: 8, 6: 2, 8: 4, 10: 8, 16: 16 }

export class BinaryWriter extends Output implements Writer {
  message(name: string, type: number, sequence: number): void {
    this.i32((VERSION << 16) | type)
    this.string(name)
    this.i32(sequence)
  }

  begin(): void {}

  field(type: number, id: number): void {
    this.room(3)
    const { data, at } = this
    data[at] = type
    data[at + 1] = id >> 8
    data[at + 2] = id
    this.at = at + 3
  }

  boolField(id: number, value: boolean): void {
    this.field(TYPE.bool, id)
    this.bool(value)
  }

  end(): void {
    this.room(1)
    this.data[this.at++] = TYPE.stop
  }

  bool(value: boolean): void {
    this.room(1)
    this.data[this.at++] = value ? 1 : 0
  }

  i32(value: number): void {
    this.room(4)
    this.#word(value)
  }

  i64(value: number): void {
    this.room(8)
    const high = Math.floor(value / 4_294_967_296)
    this.#word(high)
    this.#word(value - high * 4_294_967_296)
  }

  double(value: number): void {
    this.room(8)
    this.at = this.data.writeDoubleBE(value, this.at)
  }

  string(value: string): void {
    this.room(4 + 32)
    if (this.plain(value, 4)) {
      this.#word(value.length)
      this.at += value.length
      return
    }
    const size = textLength(value)
    this.room(4 + size)
    this.#word(size)
    this.at += this.data.write(value, this.at, 'utf8')
  }

  bytes(value: Uint8Array): void {
    this.room(4 + value.length)
    this.#word(value.length)
    this.data.set(value, this.at)
    this.at += value.length
  }

  list(type: number, size: number): void {
    this.room(5)
    this.data[this.at++] = type
    this.#word(size)
  }

  set(type: number, size: number): void {
    this.list(type, size)
  }

  map(key: number, value: number, size: number): void {
    this.room(6)
    this.data[this.at++] = key
    this.list(value, size)
  }

  #word(value: number): void {
    const { data, at } = this
    data[at] = value >>> 24
    data[at + 1] = value >>> 16
    data[at + 2] = value >>> 8
    data[at + 3] = value
    this.at = at + 4
  }
}

export class BinaryReader extends Input implements Reader {
  message(): MessageHead {
    const word = this.i32()
    if (word >>> 16 !== VERSION) throw new Malformed('it has no version of the binary protocol')
    const name = this.string()
    return { name, type: word & 0xff, sequence: this.i32() }
  }

  begin(): void {
    this.enter()
  }

  field(): boolean {
    const type = this.byte()
    this.type = type
    if (type === TYPE.stop) return false
    this.need(2)
    this.id = ((this.data[this.at]! << 24) | (this.data[this.at + 1]! << 16)) >> 16
    this.at += 2
    return true
  }

  next(type: number, id: number): boolean {
    const { data, at } = this
    if (at + 3 > data.length || data[at] !== type || ((data[at + 1]! << 8) | data[at + 2]!) !== id) return false
    this.at = at + 3
    return true
  }

  end(): void {
    this.leave()
  }

  ends(): boolean {
    if (this.data[this.at] !== TYPE.stop) return false
    this.at++
    this.leave()
    return true
  }

  bool(): boolean {
    return this.byte() !== 0
  }

  i32(): number {
    this.need(4)
    const { data, at } = this
    this.at = at + 4
    return (data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!
  }

  i64(): number {
    const high = this.i32()
    const value = high * 4_294_967_296 + (this.i32() >>> 0)
    if (!Number.isSafeInteger(value)) throw new Malformed('an integer in it is beyond 53 bits')
    return value
  }

  double(): number {
    this.need(8)
    const value = this.data.readDoubleBE(this.at)
    this.at += 8
    return value
  }

  string(): string {
    return this.text(this.count(this.i32(), 1))
  }

  bytes(): Uint8Array {
    return this.cut(this.count(this.i32(), 1))
  }

  list(): number {
    this.enter()
    this.type = this.byte()
    const size = this.i32()
    return size === 0 ? 0 : this.count(size, leastOf(this.type, LEAST))
  }

  set(): number {
    return this.list()
  }

  map(): number {
    this.enter()
    const key = this.byte()
    const value = this.byte()
    const size = this.i32()
    this.type = key
    this.valueType = value
    return size === 0 ? 0 : this.count(size, leastOf(key, LEAST) + leastOf(value, LEAST))
  }

  skip(type: number): void {
    skip(this, type)
  }

  skipPlain(type: number): void {
    const size = type === TYPE.string ? this.count(this.i32(), 1) : PLAIN[type]
    if (size === undefined) throw new Malformed(`it has a type ${type}, which Thrift does not know`)
    this.need(size)
    this.at += size
  }
}
