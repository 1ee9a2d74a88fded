import { decodeHuffman } from './huffman.ts'
import { FIELD, STATIC, TABLE } from './static-table.ts'

/** A list of headers as it was sent. */
export type Block<Read> = {
  /** Name and value in turn. */
  readonly fields: readonly string[]
  /** What the reader of blocks has made of it, for the next time that the same bytes come. */
  read?: Read
}

/** Reads lists of headers (RFC 7541), in the order in which they came on a connection. */
export type Decoder<Read> = {
  /**
   * @param from where the list begins in `bytes`, and `to` where it ends
   * @returns `large`: the table has been kept up, but there are more headers than may be; `wrong`: they cannot be read, and
   *   so nothing that follows can be
   */
  readonly decode: (bytes: Buffer, from: number, to: number) => Block<Read> | 'large' | 'wrong'
}

/**
 * Blocks of which nothing goes into the table mean the same until something does: a client that asks the same again and
 * again sends the same few bytes.
 */
const [BLOCKS, BLOCK_BYTES] = [64, 256]
const WRONG = -1
/** No number on a connection is larger. */
const LARGEST = 0x0fff_ffff

/** @param limit of a list, in bytes, with 32 more for each header */
export function createDecoder<Read>(limit: number): Decoder<Read> {
  const names: string[] = []
  const values: string[] = []
  let [held, room] = [0, TABLE]
  let changes = 0
  const known = new Map<string, Block<Read>>()
  let scratch: Buffer = Buffer.alloc(0)
  // The block that is read, and the place in it.
  let [bytes, at, end] = [scratch, 0, 0]

  /** An integer behind `bits` bits of its first byte (section 5.1). */
  const integer = (bits: number): number => {
    const most = (1 << bits) - 1
    let value = bytes[at++]! & most
    if (value < most) return value
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= end) return WRONG
      const byte = bytes[at++]!
      value += (byte & 127) << shift
      if (byte < 128) return value > LARGEST ? WRONG : value
    }
    return WRONG
  }

  const text = (): string | undefined => {
    if (at >= end) return undefined
    const isHuffman = bytes[at]! >= 128
    const length = integer(7)
    if (length === WRONG || length > end - at) return undefined
    const from = at
    at += length
    if (!isHuffman) return bytes.toString('latin1', from, at)
    if (scratch.length < length * 2) scratch = Buffer.allocUnsafe(Math.max(512, length * 2))
    const size = decodeHuffman(bytes, from, at, scratch)
    return size === -1 ? undefined : scratch.toString('latin1', 0, size)
  }

  const evict = (most: number): void => {
    while (held > most) held -= names.pop()!.length + values.pop()!.length + FIELD
  }

  const changed = (): void => {
    changes++
    known.clear()
  }

  const remember = (name: string, value: string): void => {
    changed()
    const size = name.length + value.length + FIELD
    evict(Math.max(0, room - size))
    // One that is larger than the table empties it, and is no error (section 4.4).
    if (size > room) return
    names.unshift(name)
    values.unshift(value)
    held += size
  }

  const nameOf = (index: number): string | undefined =>
    index <= STATIC.length ? STATIC[index - 1]?.[0] : names[index - STATIC.length - 1]
  const valueOf = (index: number): string | undefined =>
    index <= STATIC.length ? STATIC[index - 1]?.[1] : values[index - STATIC.length - 1]

  const resize = (): boolean => {
    const size = integer(5)
    if (size === WRONG || size > TABLE) return false
    changed()
    room = size
    evict(room)
    return true
  }

  /** Reads one header to `fields`, unless there are enough already. @returns its size; WRONG */
  const field = (fields: string[], total: number): number => {
    const byte = bytes[at]!
    const [isIndexed, isRemembered] = [byte >= 0x80, byte >= 0x40]
    const index = integer(isIndexed ? 7 : isRemembered ? 6 : 4)
    if (index === WRONG || (isIndexed && index === 0)) return WRONG
    const name = index === 0 ? text() : nameOf(index)
    const value = name !== undefined && isIndexed ? valueOf(index) : text()
    if (name === undefined || value === undefined) return WRONG
    if (isRemembered && !isIndexed) remember(name, value)
    const size = name.length + value.length + FIELD
    if (total + size <= limit) fields.push(name, value)
    return size
  }

  const read = (): Block<Read> | 'large' | 'wrong' => {
    const fields: string[] = []
    let total = 0
    // Sizes of the table come first, or not at all (section 4.2).
    while (at < end && (bytes[at]! & 0xe0) === 0x20) if (!resize()) return 'wrong'
    while (at < end) {
      if ((bytes[at]! & 0xe0) === 0x20) return 'wrong'
      const size = field(fields, total)
      if (size === WRONG) return 'wrong'
      total += size
    }
    return total > limit ? 'large' : { fields }
  }

  return {
    decode: (block, from, to) => {
      const isShort = to - from <= BLOCK_BYTES
      const before = isShort && known.size > 0 ? known.get(block.toString('latin1', from, to)) : undefined
      if (before !== undefined) return before
      ;[bytes, at, end] = [block, from, to]
      const changesBefore = changes
      const result = read()
      if (isShort && typeof result !== 'string' && changes === changesBefore && known.size < BLOCKS)
        known.set(block.toString('latin1', from, to), result)
      return result
    },
  }
}
