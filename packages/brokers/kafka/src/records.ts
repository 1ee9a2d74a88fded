import type { RecordsBatch } from '@platformatic/kafka'
import { decodeMessage } from 'dure/messaging/adapter'
import type { Delivery } from 'dure/messaging'

/** Bits of a batch's attributes: it says what became of a transaction, and holds nobody's messages; its time is the broker's. */
const [CONTROL, APPEND_TIME] = [0x20, 0x08]

/** The messages of a partition's batches from an offset on, and the offset after them. */
export function deliveriesOf(
  place: { readonly topic: string; readonly partition: number },
  batches: readonly RecordsBatch[],
  from: number,
): { readonly deliveries: readonly Delivery[]; readonly next: number } {
  const deliveries: Delivery[] = []
  const nameOf = createNames()
  let next = from
  for (const batch of batches) {
    const first = Number(batch.firstOffset)
    next = Math.max(next, first + batch.lastOffsetDelta + 1)
    if ((batch.attributes & CONTROL) !== 0) continue
    for (const record of batch.records) {
      const { offsetDelta, key, value, headers } = record
      const offset = first + offsetDelta
      // A broker sends whole batches, also when they begin before what was asked for.
      if (offset < from) continue
      const time = timeOf(batch, record)
      const position = String(offset)
      const entries = headers.map(([name, text], at) => [nameOf(at, name), text] as const)
      const message = decodeMessage('kafka', { ...place, position, time, key, headers: entries, data: value })
      deliveries.push({ message, partition: place.partition, position })
    }
  }
  return { deliveries, next }
}

/** When the first record from an offset on came; undefined when none of these batches has one. */
export function timeFrom(batches: readonly RecordsBatch[], from: number): number | undefined {
  for (const batch of batches) {
    if ((batch.attributes & CONTROL) !== 0) continue
    const found = batch.records.find(({ offsetDelta }) => Number(batch.firstOffset) + offsetDelta >= from)
    if (found !== undefined) return timeOf(batch, found)
  }
  return undefined
}

function timeOf(batch: RecordsBatch, { timestampDelta }: RecordsBatch['records'][number]): number {
  return Number((batch.attributes & APPEND_TIME) === 0 ? batch.firstTimestamp + timestampDelta : batch.maxTimestamp)
}

/** Headers are called the same from record to record: what has the bytes of the one before at its place is not read again. */
function createNames(): (at: number, bytes: Buffer | null) => string {
  const before: { readonly bytes: Buffer; readonly name: string }[] = []
  return (at, bytes) => {
    if (bytes === null) return ''
    const known = before[at]
    if (known !== undefined && isSame(known.bytes, bytes)) return known.name
    const name = bytes.toString()
    before[at] = { bytes, name }
    return name
  }
}

/** Names are short: the bytes are looked at here sooner than they are handed to somebody. */
function isSame(one: Buffer, other: Buffer): boolean {
  if (one.length !== other.length) return false
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false
  return true
}
