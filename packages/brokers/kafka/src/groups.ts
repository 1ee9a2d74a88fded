import type { Forgotten, GroupLag } from 'dure/messaging'
import type { BrokerServer } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { createSince } from './ages.ts'
import { spotKey } from './assignment.ts'
import { isRefusal, type Cluster } from './cluster.ts'
import type { Names } from './names.ts'
import { BEGINNING, commitPlaces, countAhead, END, offsetAfter, offsetsAt, placesOf, type Place } from './offsets.ts'
import type { KafkaTopics } from './topics.ts'

/** Groups as a whole: made known, moved, forgotten, and how far behind they are. Names are those here. */
export type Groups = Pick<BrokerServer, 'seek' | 'forget' | 'lag'> & {
  readonly declare: BrokerServer['declareGroup']
  /** The group of a queue's receivers, whose topic is there. */
  readonly declareQueue: (queue: string) => Promise<void>
}

export function createGroups(options: {
  readonly cluster: Cluster
  readonly runtime: Runtime
  readonly names: Names
  readonly topics: KafkaTopics
}): Groups {
  const { cluster, runtime, names, topics } = options
  const sinceOf = createSince(cluster)

  /** Places for a group where it has none, once its topics are there. */
  const place = async (group: string, kafkaTopics: readonly string[], from: 'beginning' | 'end'): Promise<void> => {
    const counts = new Map<string, number>()
    for (const topic of new Set(kafkaTopics)) counts.set(topic, await topics.need(topic))
    // First where they end, then who stands where: what another has committed meanwhile is not moved on.
    const starts = await offsetsAt(cluster, counts, from === 'end' ? END : BEGINNING)
    const there = new Set((await placesOf(cluster, [group], counts)).get(group)?.map(spotKey))
    const missing = [...counts]
      .flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => ({ topic, partition })))
      .filter((spot) => !there.has(spotKey(spot)))
      .map((spot): Place => ({ ...spot, offset: starts.get(spot.topic)![spot.partition]!, note: newNote() }))
    // A group that has members takes no place from others; its members commit the same when they have the partition.
    await unlessRead(() => commitPlaces(cluster, group, missing))
  }

  const newNote = () => ({ epoch: 0, broker: runtime.ids.next(), lost: 0, ahead: [] })

  const seek: Groups['seek'] = async ({ group: name, topic: topicName, to }) => {
    const topic = names.topic(topicName)
    const counts = new Map([[topic, await topics.need(topic)]])
    const at = async (time: bigint) => (await offsetsAt(cluster, counts, time)).get(topic)!
    const ends = await at(END)
    let wanted: readonly (readonly [partition: number, offset: number])[]
    if (typeof to === 'string') wanted = [...(to === 'end' ? ends : await at(BEGINNING)).entries()]
    // A time after the last message has no offset.
    else if ('time' in to) wanted = (await at(BigInt(to.time))).map((offset, n) => [n, offset < 0 ? ends[n]! : offset] as const)
    else {
      wanted = [[to.partition, offsetAfter(to.after)]]
      if (offsetAfter(to.after) > ends[to.partition]!) return 'beyond'
    }
    const group = names.group(name)
    const before = (await placesOf(cluster, [group], counts)).get(group) ?? []
    const places = wanted.map(([partition, offset]): Place => {
      const note = before.find((one) => one.partition === partition)?.note ?? newNote()
      return { topic, partition, offset, note: { ...note, ahead: [] } }
    })
    return (await unlessRead(() => commitPlaces(cluster, group, places))) ?? 'moved'
  }

  const forget: Groups['forget'] = async ({ group: name, topic }) => {
    const group = names.group(name)
    const wanted = topic === undefined ? undefined : names.topic(topic)
    const places = ((await placesOf(cluster, [group])).get(group) ?? []).filter((one) => (wanted ?? one.topic) === one.topic)
    if (places.length === 0) return []
    const unread = await unreadOf(places)
    const byTopic = Map.groupBy(places, (place) => place.topic)
    const gone = [...byTopic].map(([of, some]) => ({ name: of, partitionIndexes: some.map(({ partition }) => partition) }))
    return unlessRead(async () => {
      await cluster.admin.deleteConsumerGroupOffsets({ groupId: group, topics: gone })
      return [...byTopic].map(([kafkaName, of]): Forgotten => ({
        topic: names.read(kafkaName)?.name ?? kafkaName,
        unread: of.reduce((sum, place) => sum + unread(place), 0),
      }))
    })
  }

  /** How many messages a group has still to read behind a place. */
  const unreadOf = async (places: readonly Place[]): Promise<(place: Place) => number> => {
    const ends = await offsetsAt(cluster, await topics.partitionsOf([...new Set(places.map(({ topic }) => topic))]), END)
    return ({ topic, partition, offset, note }) =>
      Math.max(0, (ends.get(topic)?.[partition] ?? offset) - offset - countAhead(note?.ahead ?? []))
  }

  const lag = async (): Promise<readonly GroupLag[]> => {
    const listed = await cluster.admin.listGroups({ types: ['classic'] })
    const own = [...listed.keys()].filter((group) => names.read(group) !== undefined)
    if (own.length === 0) return []
    const [placesByGroup, described] = await Promise.all([placesOf(cluster, own), cluster.admin.describeGroups({ groups: own })])
    // Groups of others have no note of ours.
    const noted = [...placesByGroup].flatMap(([group, places]) =>
      places.filter(({ note }) => note !== undefined).map((place) => ({ group, place })),
    )
    const unread = await unreadOf(noted.map(({ place }) => place))
    const since = await sinceOf(noted.map(({ place }) => place).filter((place) => unread(place) > 0))
    return noted.flatMap(({ group, place }) => {
      const { name, isQueue } = names.read(group)!
      const members = [...(described.get(group)?.members.values() ?? [])]
      const reading = members.filter(({ metadata }) => metadata?.topics?.includes(place.topic) ?? true).length
      const lost = place.note!.lost
      return {
        ...{ group: isQueue ? 'queue' : name, topic: names.read(place.topic)?.name ?? place.topic, partition: place.partition },
        ...{ lag: unread(place), since: since.get(place), members: reading, lost },
      }
    })
  }

  return {
    declare: ({ group, topics: wanted, from }) => place(names.group(group), wanted.map(names.topic), from),
    declareQueue: (queue) => place(names.queue(queue), [names.queue(queue)], 'beginning'),
    seek,
    forget,
    lag,
  }
}

async function unlessRead<T>(work: () => Promise<T>): Promise<T | 'members'> {
  try {
    return await work()
  } catch (error) {
    if (hasMembers(error)) return 'members'
    throw error
  }
}

/** Kafka takes a group's places from its members alone while it has some. */
function hasMembers(error: unknown): boolean {
  return [
    'UNKNOWN_MEMBER_ID',
    'REBALANCE_IN_PROGRESS',
    'ILLEGAL_GENERATION',
    'NON_EMPTY_GROUP',
    'GROUP_SUBSCRIBED_TO_TOPIC',
  ].some((id) => isRefusal(error, id))
}
