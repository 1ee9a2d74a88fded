/** A chunked body, read as it comes: where its chunks end, and what of its bytes is passed on. */
import { CR, EQUALS, HEX, HTAB, LF, QUOTE, BACKSLASH, SEMICOLON, TOKEN, VALUE } from './characters.ts'
import { readFields } from './fields.ts'
import { createHead, fault, type Fault, type HeadLimits } from './head.ts'

const [SIZE, SIZE_MORE, SIZE_LF, NAME, NAME_MORE, VALUE_START, VALUE_TOKEN, VALUE_QUOTED, VALUE_ESCAPED, VALUE_END] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
] as const
const [DATA, DATA_CR, DATA_LF, TRAILER, DONE] = [10, 11, 12, 13, 14] as const

/** More digits than a chunk of 4 GiB has are nothing but an attempt. */
const MOST_DIGITS = 8
/** Bytes of extensions in a body. Nobody uses them, and each is dropped. */
const MOST_EXTENSION = 4_096

export type Chunks = {
  state: number
  /** Digits of the size that were read, and its value; then, what of the chunk is still to come. */
  digits: number
  left: number
  extension: number
  trailer: string
  status: number
  limits: HeadLimits
  /** Of the bytes that were read last: pairs of where data begins and ends. */
  readonly data: number[]
  /** The same of what is passed on as it came: sizes and data without extensions. */
  readonly raw: number[]
  /** What ends the body as it is passed on: the last chunk, and trailers. */
  last: string
}

export function createChunks(limits: HeadLimits): Chunks {
  return { state: SIZE, digits: 0, left: 0, extension: 0, trailer: '', status: 400, limits, data: [], raw: [], last: '' }
}

export function resetChunks(chunks: Chunks, status: number): void {
  chunks.state = SIZE
  chunks.digits = chunks.left = chunks.extension = 0
  chunks.trailer = chunks.last = ''
  chunks.status = status
}

export const isDone = ({ state }: Chunks): boolean => state === DONE

/** Reads on; where in the bytes it stopped: at their end, or after that of the body. */
export function readChunks(chunks: Chunks, bytes: Uint8Array, from: number, to: number): number | Fault {
  const { data, raw, status } = chunks
  data.length = 0
  raw.length = 0
  let at = from
  let pass = from
  /** What was read is passed on up to here. */
  const cut = (end: number): void => {
    if (end > pass) raw.push(pass, end)
  }
  while (at < to) {
    const byte = bytes[at]!
    switch (chunks.state) {
      case SIZE:
      case SIZE_MORE: {
        const digit = HEX[byte]!
        if (digit !== 255) {
          if (++chunks.digits > MOST_DIGITS) return fault(status, 'the size of a chunk has too many digits')
          // The last chunk is written anew when its trailers are known.
          if (chunks.state === SIZE) pass = at
          chunks.left = chunks.left * 16 + digit
          chunks.state = SIZE_MORE
          at++
        } else if (chunks.digits > 0 && (byte === CR || byte === SEMICOLON)) {
          chunks.state = byte === CR ? SIZE_LF : NAME
          if (byte === SEMICOLON) {
            if (chunks.left > 0) cut(at)
            pass = at
          }
          at++
        } else return fault(status, 'the size of a chunk is no number')
        break
      }
      case SIZE_LF:
        if (byte !== LF) return fault(status, 'the line of a chunk ends with a single CR')
        at++
        chunks.state = chunks.left === 0 ? TRAILER : DATA
        if (chunks.left === 0) pass = at
        break
      case DATA: {
        const end = Math.min(to, at + chunks.left)
        data.push(at, end)
        chunks.left -= end - at
        at = end
        if (chunks.left === 0) chunks.state = DATA_CR
        break
      }
      case DATA_CR:
        if (byte !== CR) return fault(status, 'a chunk is longer than its size')
        at++
        chunks.state = DATA_LF
        break
      case DATA_LF:
        if (byte !== LF) return fault(status, 'a chunk does not end with its line')
        at++
        chunks.state = SIZE
        chunks.digits = 0
        cut(at)
        pass = at
        break
      case TRAILER: {
        const wrong = readTrailer(chunks, byte)
        if (wrong !== undefined) return wrong
        at++
        pass = at
        if ((chunks.state as number) === DONE) return at
        break
      }
      default: {
        const wrong = readExtension(chunks, byte)
        if (wrong !== undefined) return wrong
        // From the CR on the line is passed on again.
        pass = chunks.state === SIZE_LF ? at : at + 1
        at++
      }
    }
  }
  const inside = chunks.state === SIZE_MORE || (chunks.state === SIZE_LF && chunks.digits > 0)
  if (!(inside && chunks.left === 0) && (chunks.state < NAME || chunks.state > VALUE_END)) cut(to)
  return at
}

function readExtension(chunks: Chunks, byte: number): Fault | undefined {
  const wrong = fault(chunks.status, 'the extension of a chunk is none')
  if (++chunks.extension > MOST_EXTENSION) return fault(chunks.status, 'the extensions of its chunks are too long')
  const isToken = TOKEN[byte] === 1
  const { state } = chunks
  const ends = byte === CR || byte === SEMICOLON
  const next = byte === CR ? SIZE_LF : NAME
  switch (state) {
    case NAME:
    case VALUE_START:
      if (isToken) chunks.state = state === NAME ? NAME_MORE : VALUE_TOKEN
      else if (state === VALUE_START && byte === QUOTE) chunks.state = VALUE_QUOTED
      else return wrong
      return undefined
    case NAME_MORE:
      if (isToken) return undefined
      if (byte === EQUALS) chunks.state = VALUE_START
      else if (ends) chunks.state = next
      else return wrong
      return undefined
    case VALUE_TOKEN:
      if (isToken) return undefined
      if (!ends) return wrong
      chunks.state = next
      return undefined
    case VALUE_QUOTED:
      if (byte === QUOTE) chunks.state = VALUE_END
      else if (byte === BACKSLASH) chunks.state = VALUE_ESCAPED
      else if (VALUE[byte] === 0 || byte === HTAB || byte > 126) return wrong
      return undefined
    case VALUE_ESCAPED:
      if (VALUE[byte] === 0 || byte === HTAB || byte > 126) return wrong
      chunks.state = VALUE_QUOTED
      return undefined
    default:
      if (!ends) return wrong
      chunks.state = next
      return undefined
  }
}

/** Trailers are few and small: they are gathered, and read like the fields of a head. */
function readTrailer(chunks: Chunks, byte: number): Fault | undefined {
  const { status, limits } = chunks
  chunks.trailer += String.fromCharCode(byte)
  const { trailer } = chunks
  if (trailer.length > limits.head)
    return fault(status === 400 ? 431 : status, `its trailers are longer than ${limits.head} bytes`)
  if (byte !== LF) return undefined
  if (!trailer.endsWith('\r\n')) return fault(status, 'a trailer ends with a single LF')
  if (trailer !== '\r\n' && !trailer.endsWith('\r\n\r\n')) return undefined
  if (trailer !== '\r\n') {
    const head = createHead(limits)
    head.text = trailer
    const wrong = readFields(head, 0, status)
    if (wrong !== undefined) return wrong
    if (
      /^(?:host|content-length|transfer-encoding|connection|upgrade|expect|te|authorization|cookie|set-cookie):/im.test(trailer)
    )
      return fault(status, 'a trailer is a field that none may be')
  }
  chunks.last = `0\r\n${trailer}`
  chunks.state = DONE
  return undefined
}
