import type { BrowseOptions, Delivery } from 'dure/messaging'
import { MESSAGE_BYTES } from 'dure/messaging/adapter'
import type { Cluster } from './cluster.ts'
import { firstOf } from './holding.ts'
import { BEGINNING, END, offsetAfter, offsetsAt } from './offsets.ts'
import { deliveriesOf } from './records.ts'

/** Reads one partition without a group. `topic` is Kafka's name of it. */
export async function browse(cluster: Cluster, topic: string, request: BrowseOptions): Promise<readonly Delivery[]> {
  const { topic: name, partition, after, limit } = request
  const wanted = after === undefined ? 0 : offsetAfter(after)
  const counts = new Map([[topic, partition + 1]])
  const [first, end] = await Promise.all(
    [BEGINNING, END].map(async (at) => (await offsetsAt(cluster, counts, at)).get(topic)![partition]!),
  )
  const client = cluster.fetching([topic], 100)
  try {
    const { id, partitions } = (await client.metadata({ topics: [topic] })).topics.get(topic)!
    let found: readonly Delivery[] = []
    // A fetch may bring whole batches before the place, or none that have messages.
    for (let next = Math.max(wanted, first!); next < end! && found.length < limit;) {
      const spot = { partition, fetchOffset: BigInt(next), partitionMaxBytes: 4 * MESSAGE_BYTES }
      const answer = await client.fetch({
        ...{ node: partitions[partition]!.leader, maxBytes: 4 * MESSAGE_BYTES },
        topics: [{ topicId: id, partitions: [{ ...spot, currentLeaderEpoch: -1, lastFetchedEpoch: -1 }] }],
      })
      const records = answer.responses[0]?.partitions[0]?.records ?? []
      const { deliveries, next: then } = deliveriesOf({ topic: name, partition }, records, next)
      const before = found.length + deliveries.length
      found = firstOf([...found, ...deliveries], limit)
      if (then === next || found.length < before) break
      next = then
    }
    return found
  } finally {
    await client.close(true)
  }
}

/** The position behind which all records stand that have that time or a later one. `topic` is Kafka's name of it. */
export async function behind(
  cluster: Cluster,
  topic: string,
  { partition, time }: { readonly partition: number; readonly time: number },
): Promise<string | undefined> {
  const counts = new Map([[topic, partition + 1]])
  const at = async (when: bigint): Promise<number> => (await offsetsAt(cluster, counts, when)).get(topic)![partition]!
  const first = await at(BigInt(Math.max(0, time)))
  // None has: from the end on.
  const offset = first === -1 ? await at(END) : first
  return offset > 0 ? String(offset - 1) : undefined
}
