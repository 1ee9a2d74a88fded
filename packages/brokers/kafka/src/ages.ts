import type { Consumer } from '@platformatic/kafka'
import { createAges } from 'dure/messaging/adapter'
import { isRefusal, type Cluster } from './cluster.ts'
import { BEGINNING, offsetsAt, type Place } from './offsets.ts'
import { timeFrom } from './records.ts'

/** Batches that are looked into for the first message: there may be some of none, where transactions ended or a topic was compacted. */
const BATCHES = 8

/** Since when what a group has not read is there: the time of the record where it stands. Kafka tells it only with the record. */
export function createSince(cluster: Cluster): (places: readonly Place[]) => Promise<ReadonlyMap<Place, number>> {
  const ages = createAges()
  let client: Consumer | undefined

  const timeAt = async (
    { topic, partition }: Place,
    found: { readonly id: string; readonly leader: number },
    from: number,
  ): Promise<number | undefined> => {
    for (let next = from, looks = 0; looks < BATCHES; looks++) {
      const spot = { partition, fetchOffset: BigInt(next), currentLeaderEpoch: -1, lastFetchedEpoch: -1 }
      const answer = await client!
        // One byte asks for one batch.
        .fetch({
          node: found.leader,
          maxBytes: 1,
          topics: [{ topicId: found.id, partitions: [{ ...spot, partitionMaxBytes: 1 }] }],
        })
        .catch((error: unknown) => {
          if (isRefusal(error, 'OFFSET_OUT_OF_RANGE')) return undefined
          throw error
        })
      if (answer === undefined) {
        // Retention took it: the first that is there is the first it will read.
        const first = (await offsetsAt(cluster, new Map([[topic, partition + 1]]), BEGINNING)).get(topic)![partition]!
        if (first <= next) return undefined
        next = first
        continue
      }
      const records = answer.responses[0]?.partitions[0]?.records ?? []
      const last = records.at(-1)
      if (last === undefined) return undefined
      const time = timeFrom(records, next)
      if (time !== undefined) return time
      next = Number(last.firstOffset) + last.lastOffsetDelta + 1
    }
    return undefined
  }

  return async (places) => {
    const times = new Map<Place, number>()
    if (places.length === 0) return times
    client ??= cluster.fetching([], 100)
    const { topics } = await client.metadata({ topics: [...new Set(places.map(({ topic }) => topic))] })
    for (const place of places) {
      const { id, partitions } = topics.get(place.topic) ?? {}
      const leader = partitions?.[place.partition]?.leader ?? -1
      if (id === undefined || leader < 0) continue
      // A leader that has just changed is known the next time.
      const time = await ages(`${id} ${place.partition} ${place.offset}`, () =>
        timeAt(place, { id, leader }, place.offset),
      ).catch(() => void client!.clearMetadata())
      if (time !== undefined) times.set(place, time)
    }
    return times
  }
}
