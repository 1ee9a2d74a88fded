import { failureFromWire } from './failures.ts'
import { readValue } from './codec.ts'
import { BodyReader, FrameReader } from './frames.ts'
import * as words from './protocol.ts'

/** One frame on its way. */
export type WatchedFrame = {
  readonly bytes: Buffer
  /** What it is (`call`, `answer`, `item`, …); undefined for what belongs to no call. */
  readonly what: string | undefined
  /** Which call it is of: `orders.place`. */
  readonly place: string
  readonly failure: Error | undefined
}

const NAMES: Readonly<Record<number, string>> = {
  [words.CALL]: 'call',
  [words.STREAM]: 'stream',
  [words.CHANNEL]: 'channel',
  [words.CANCEL]: 'cancel',
  [words.CREDIT]: 'credit',
  [words.ANSWER]: 'answer',
  [words.ITEM]: 'item',
  [words.END]: 'end',
  [words.FAILURE]: 'failure',
  [words.STOP]: 'stop',
}

/** Reads along with one connection, of whole batches as a side writes them: for who shows what goes over it, or lets things befall it. */
export function watchFrames(): (batch: Buffer, byCaller: boolean) => readonly WatchedFrame[] {
  const operations = new Map<number, string>()
  const calls = new Map<number, string>()
  return (batch, byCaller) => {
    const frames: WatchedFrame[] = []
    const onFrame = (type: number, id: number, bytes: Buffer, start: number, end: number): void => {
      const what = NAMES[type]
      const body = new BodyReader(bytes, start, end)
      if (type === words.NAME) operations.set(id, body.text().replace('\n', '.'))
      if (type === words.CALL || type === words.STREAM || type === words.CHANNEL)
        calls.set(id, operations.get(body.short()) ?? 'unknown')
      const place = calls.get(id) ?? 'a call that is over'
      const failure = type === words.FAILURE ? failureFromWire(readValue(bytes, start, end)) : undefined
      const isLast = byCaller ? type === words.CANCEL : type === words.ANSWER || type === words.END || type === words.FAILURE
      if (isLast) calls.delete(id)
      frames.push({ bytes: bytes.subarray(start - words.HEADER, end), what, place, failure })
    }
    new FrameReader({ limit: Infinity, onFrame }).push(batch)
    return frames
  }
}
