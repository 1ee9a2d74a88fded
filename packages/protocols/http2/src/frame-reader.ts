import { FRAME_SIZE_ERROR, HEAD, LONGEST, PROTOCOL_ERROR } from './codes.ts'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** A whole frame; its payload is from `from` to `to`, and stays as it is. */
export type OnFrame = (type: number, flags: number, id: number, bytes: Buffer, from: number, to: number) => void

export type FrameReader = {
  /** Cuts frames out of what has come: whole ones are read where they are, those cut in two are put together once. */
  readonly read: (chunk: Buffer) => void
}

/** @param isOver whether nothing more is to be read @param wrong told when what comes is no frame */
export function createFrameReader(
  onFrame: OnFrame,
  isOver: () => boolean,
  wrong: (code: number, reason: string) => void,
): FrameReader {
  let prefaced = 0
  let partial: Buffer | undefined
  let filled = 0

  const lengthAt = (bytes: Buffer, at: number): number => (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!

  const frame = (bytes: Buffer, at: number, length: number): void => {
    const id = ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!
    onFrame(bytes[at + 3]!, bytes[at + 4]!, id, bytes, at + HEAD, at + HEAD + length)
  }

  /** Room for the frame that begins at `at`, as far as it is known how long it is; undefined: it is too long. */
  const roomFor = (bytes: Buffer, at: number, end: number): Buffer | undefined => {
    const length = end - at < HEAD ? 0 : lengthAt(bytes, at)
    if (length <= LONGEST) return Buffer.allocUnsafe(HEAD + length)
    wrong(FRAME_SIZE_ERROR, `A frame has ${length} bytes; ${LONGEST} may be`)
    return undefined
  }

  /** @returns where it went on to in the chunk */
  const fill = (chunk: Buffer, from: number): number => {
    const into = partial!
    const count = Math.min(into.length - filled, chunk.length - from)
    chunk.copy(into, filled, from, from + count)
    filled += count
    if (filled < into.length) return from + count
    const length = lengthAt(into, 0)
    if (filled === HEAD && length > 0) {
      partial = roomFor(into, 0, HEAD)
      if (partial !== undefined) into.copy(partial)
    } else {
      partial = undefined
      frame(into, 0, length)
    }
    return from + count
  }

  const preface = (chunk: Buffer): number => {
    const to = Math.min(PREFACE.length - prefaced, chunk.length)
    if (chunk.compare(PREFACE, prefaced, prefaced + to, 0, to) !== 0)
      wrong(PROTOCOL_ERROR, 'What came first is not what a client of HTTP/2 begins with')
    prefaced += to
    return to
  }

  return {
    read: (chunk) => {
      let at = prefaced < PREFACE.length ? preface(chunk) : 0
      while (at < chunk.length && !isOver()) {
        if (partial !== undefined) {
          at = fill(chunk, at)
          continue
        }
        const left = chunk.length - at
        const length = left < HEAD ? 0 : lengthAt(chunk, at)
        if (left >= HEAD + length && length <= LONGEST) {
          frame(chunk, at, length)
          at += HEAD + length
        } else {
          partial = roomFor(chunk, at, chunk.length)
          filled = 0
        }
      }
    },
  }
}
