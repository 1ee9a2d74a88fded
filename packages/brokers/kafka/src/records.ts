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
    for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
      const offset = first + offsetDelta
      // A broker sends whole batches, also when they begin before what was asked for.
      if (offset < from) continue
      const time = Number((batch.attributes & APPEND_TIME) === 0 ? batch.firstTimestamp + timestampDelta : batch.maxTimestamp)
      const position = String(offset)
      const entries = headers.map(([name, text], at) => [nameOf(at, name), text] as const)
      const message = decodeMessage('kafka', { ...place, position, time, key, headers: entries, data: value })
      deliveries.push({ message, partition: place.partition, position })
    }
  }
  return { deliveries, next }
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
