import { failureFromWire } from './failures.ts'
import { readValue } from './codec.ts'
import { BodyReader, FrameReader } from './frames.ts'
import * as wire from './protocol.ts'

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
  [wire.CALL]: 'call',
  [wire.STREAM]: 'stream',
  [wire.CHANNEL]: 'channel',
  [wire.CANCEL]: 'cancel',
  [wire.CREDIT]: 'credit',
  [wire.ANSWER]: 'answer',
  [wire.ITEM]: 'item',
  [wire.END]: 'end',
  [wire.FAILURE]: 'failure',
  [wire.STOP]: 'stop',
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
      if (type === wire.NAME) operations.set(id, body.text().replace('\n', '.'))
      if (type === wire.CALL || type === wire.STREAM || type === wire.CHANNEL)
        calls.set(id, operations.get(body.short()) ?? 'unknown')
      const place = calls.get(id) ?? 'a call that is over'
      const failure = type === wire.FAILURE ? failureFromWire(readValue(bytes, start, end)) : undefined
      const isLast = byCaller ? type === wire.CANCEL : type === wire.ANSWER || type === wire.END || type === wire.FAILURE
      if (isLast) calls.delete(id)
      frames.push({ bytes: bytes.subarray(start - wire.HEADER, end), what, place, failure })
    }
    new FrameReader({ limit: Infinity, onFrame }).push(batch)
    return frames
  }
}
