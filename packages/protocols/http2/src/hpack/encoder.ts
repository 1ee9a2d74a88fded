import { encodeHuffman, huffmanLength } from './huffman.ts'
import { FIELD, STATIC, TABLE } from './static-table.ts'

/** Writes lists of headers (RFC 7541), in the order in which they go out on a connection. */
export type Encoder = {
  /**
   * Good until the next call.
   * @param own of this list alone, behind the others: their values are not remembered
   * @throws {TypeError} when a name or a value cannot be sent; nothing has changed then
   */
  readonly encode: (headers: Headers, own?: Headers) => Uint8Array
  /** The other side keeps at most this table: SETTINGS_HEADER_TABLE_SIZE. */
  readonly resize: (bytes: number) => void
}

type Headers = readonly (readonly [name: string, value: string])[]

/** @throws {TypeError} when a name or a value cannot be sent: then no list can hold what its writer did not mean */
export function checkHeaders(headers: Headers): void {
  for (const [name, value] of headers)
    if (!NAME.test(name) || !VALUE.test(value))
      throw new TypeError(
        `Cannot send the header ${JSON.stringify(name.slice(0, 40))}: its name or its value has a character that none may have; encode it first`,
      )
}

/** Never put into a table, here or further on: who may try values could find them out by sizes (section 7.1.3). */
const SECRET = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie'])
/** Different each time, so that they would only fill the table. */
const VARIES = new Set([
  ':path',
  'content-length',
  'content-range',
  'date',
  'etag',
  'last-modified',
  'location',
  'age',
  'expires',
])
/** A longer value is hardly said again. */
const LONGEST = 256
const NAME = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/

const INDEXES = new Map<string, number>()
const NAMES = new Map<string, number>()
for (const [i, [name, value]] of STATIC.entries()) {
  if (value !== '') INDEXES.set(`${name}\0${value}`, i + 1)
  if (!NAMES.has(name)) NAMES.set(name, i + 1)
}

/**
 * What has once been put into the table stays there, and when it is full nothing more is: what is the same in all answers
 * is in the first ones. So lists that have been written remain right, and one that is given again is not written again.
 */
export function createEncoder(): Encoder {
  let [held, room] = [0, TABLE]
  /** In the order in which they were put in; the place of the first, counted so, is 0. */
  let places = new Map<string, number>()
  /** Where a name is that the static table does not have. */
  let named = new Map<string, number>()
  let written = new WeakMap<Headers, { readonly block: Uint8Array; readonly places: number }>()
  /** The table is to be emptied, and then be so large. */
  let newSize: number | undefined
  let into = Buffer.allocUnsafe(512)
  let at = 0

  const integer = (value: number, bits: number, first: number): void => {
    const most = (1 << bits) - 1
    if (value < most) return void (into[at++] = first | value)
    into[at++] = first | most
    let rest = value - most
    for (; rest >= 128; rest = Math.floor(rest / 128)) into[at++] = (rest % 128) | 128
    into[at++] = rest
  }

  const text = (value: string): void => {
    const short = huffmanLength(value)
    if (short < value.length) {
      integer(short, 7, 0x80)
      at = encodeHuffman(value, into, at)
    } else {
      integer(value.length, 7, 0)
      at += into.write(value, at, 'latin1')
    }
  }

  const field = (name: string, value: string): void => {
    const key = `${name}\0${value}`
    const index = INDEXES.get(key)
    if (index !== undefined) return integer(index, 7, 0x80)
    const place = places.get(key)
    if (place !== undefined) return integer(STATIC.length + places.size - place, 7, 0x80)
    const size = name.length + value.length + FIELD
    const isRemembered = value.length <= LONGEST && held + size <= room && !VARIES.has(name) && !SECRET.has(name)
    const known = nameOf(name)
    if (isRemembered) integer(known, 6, 0x40)
    else integer(known, 4, SECRET.has(name) ? 0x10 : 0)
    if (known === 0) text(name)
    text(value)
    if (!isRemembered) return
    held += size
    if (known === 0) named.set(name, places.size)
    places.set(key, places.size)
  }

  /** Its number, also by what was put into the table with it; 0: it has none. */
  const nameOf = (name: string): number => {
    const known = NAMES.get(name)
    if (known !== undefined) return known
    const place = named.get(name)
    return place === undefined ? 0 : STATIC.length + places.size - place
  }

  /** A value that is said once: its name is put into the table the first time, and it is written as it is, in which few letters are lost. */
  const ownField = (name: string, value: string): void => {
    const known = nameOf(name)
    if (known === 0) return field(name, value)
    integer(known, 4, SECRET.has(name) ? 0x10 : 0)
    integer(value.length, 7, 0)
    for (let i = 0; i < value.length; i++) into[at++] = value.charCodeAt(i)
  }

  const write = (headers: Headers): Uint8Array => {
    let most = 16
    for (const [name, value] of headers) most += name.length + value.length + 16
    if (into.length < most) into = Buffer.allocUnsafe(most)
    at = 0
    if (newSize !== undefined) {
      integer(0, 5, 0x20)
      integer(newSize, 5, 0x20)
      newSize = undefined
    }
    for (const [name, value] of headers) field(name, value)
    return into.subarray(0, at)
  }

  const shared = (headers: Headers): Uint8Array => {
    const before = written.get(headers)
    if (before !== undefined && before.places === places.size && newSize === undefined) return before.block
    checkHeaders(headers)
    const [count, isClean] = [places.size, newSize === undefined]
    const block = write(headers)
    if (isClean && count === places.size) written.set(headers, { block: Uint8Array.from(block), places: count })
    return block
  }

  return {
    encode: (headers, own) => {
      if (own === undefined) return shared(headers)
      checkHeaders(own)
      const block = shared(headers)
      let most = block.length
      for (const [name, value] of own) most += name.length + value.length + 16
      if (into.length < most) into = Buffer.concat([block], most)
      else if (block.buffer !== into.buffer) into.set(block)
      at = block.length
      for (const [name, value] of own) ownField(name, value)
      return into.subarray(0, at)
    },
    resize: (bytes) => {
      if (newSize === undefined && Math.min(bytes, TABLE) === room) return
      newSize = Math.min(bytes, TABLE)
      ;[held, room] = [0, newSize]
      places = new Map()
      named = new Map()
      written = new WeakMap()
    },
  }
}
