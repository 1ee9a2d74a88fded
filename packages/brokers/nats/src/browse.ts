import type { BrowseOptions, Delivery } from 'dure/messaging'
import type { Link } from './connection.ts'
import { incoming } from './messages.ts'
import type { Streams } from './streams.ts'

/** Bytes of data that are shown at once, about; one message always is. */
const SHOWN = 1024 * 1024

/** Messages of a partition as they stand in its stream. */
export async function browse(link: Link, streams: Streams, request: BrowseOptions): Promise<readonly Delivery[]> {
  const { topic: name, partition, after, limit } = request
  const topic = await streams.declare(name)
  const seq = after === undefined ? 1 : Number(after) + 1
  const shown: Delivery[] = []
  let bytes = 0
  try {
    const found = await link.jsm.direct.getBatch(topic.stream, {
      ...{ seq, batch: Math.min(limit, 1_000), max_bytes: SHOWN * 2, next_by_subj: `${topic.subject}.${partition}` },
    })
    for await (const { seq: sequence, time, header, data } of found) {
      bytes += data.length
      if (bytes > SHOWN && shown.length > 0) break
      const message = incoming({ data, headers: header }, { topic: name, partition, sequence, time: time.getTime() })
      shown.push({ message, partition, position: String(sequence) })
    }
  } catch (error) {
    // There is nothing from there on.
    if (!/not found|no results/i.test(String(error))) throw error
  }
  return shown
}

/** The position behind which all stands of a partition that came at that time or later. */
export async function behind(
  link: Link,
  streams: Streams,
  { topic: name, partition, time }: { readonly topic: string; readonly partition: number; readonly time: number },
): Promise<string | undefined> {
  const topic = await streams.declare(name)
  const from = { start_time: new Date(Math.max(0, time)), batch: 1, next_by_subj: `${topic.subject}.${partition}` }
  try {
    for await (const { seq } of await link.jsm.direct.getBatch(topic.stream, from)) return seq > 1 ? String(seq - 1) : undefined
  } catch (error) {
    if (!/not found|no results/i.test(String(error))) throw error
  }
  // Nothing did.
  return String((await link.jsm.streams.info(topic.stream)).state.last_seq)
}
