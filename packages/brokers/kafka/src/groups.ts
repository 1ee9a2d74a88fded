import { CallError } from 'dure/contract'
import type { Broker, Forgotten, GroupLag, GroupOptions } from 'dure/messaging'
import { BROKER_NUMBERS, checkName, checkOptions } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { spotKey } from './assignment.ts'
import { isRefusal, type Cluster } from './cluster.ts'
import type { Names } from './names.ts'
import { BEGINNING, commitPlaces, countAhead, END, offsetsAt, placesOf, type Place } from './offsets.ts'
import { offsetAfter } from './subscriptions.ts'
import type { KafkaTopics } from './topics.ts'

/** Groups as a whole: made known, moved, forgotten, and how far behind they are. Names are those here. */
export type Groups = Pick<Broker, 'seek' | 'forget' | 'lag'> & {
  readonly declare: (options: GroupOptions) => Promise<void>
  /** The group of a queue's receivers, whose topic is there. */
  readonly declareQueue: (queue: string) => Promise<void>
}

export function createGroups(options: {
  readonly cluster: Cluster
  readonly runtime: Runtime
  readonly log: Logger
  readonly names: Names
  readonly topics: KafkaTopics
}): Groups {
  const { cluster, runtime, log, names, topics } = options

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
    await commitPlaces(cluster, group, missing).catch((error: unknown) => {
      if (!hasMembers(error)) throw error
    })
  }

  const newNote = () => ({ epoch: 0, broker: runtime.ids.next(), lost: 0, ahead: [] })

  const refuse = (action: string, name: string, error: unknown): never => {
    if (!hasMembers(error)) throw error
    throw new CallError('FAILED_PRECONDITION', `Cannot ${action} group "${name}": it has members reading; stop them first`)
  }

  const seek: Groups['seek'] = async ({ group: name, topic: topicName, to }) => {
    checkName('group', name)
    const topic = names.topic(topicName)
    const count = await topics.partitions(topic)
    const counts = new Map([[topic, count]])
    const at = async (time: bigint) => (await offsetsAt(cluster, counts, time)).get(topic)!
    const ends = await at(END)
    let wanted: readonly (readonly [partition: number, offset: number])[]
    if (typeof to === 'string') wanted = [...(to === 'end' ? ends : await at(BEGINNING)).entries()]
    else if ('time' in to) {
      checkOptions(`move group "${name}" to a time`, to, BROKER_NUMBERS.time)
      // A time after the last message has no offset.
      wanted = (await at(BigInt(Math.max(0, Math.ceil(to.time))))).map(
        (offset, n) => [n, offset < 0 ? ends[n]! : offset] as const,
      )
    } else {
      const offset = offsetAfter(to.after)
      const end = ends[to.partition]
      if (end === undefined || offset > end)
        throw new CallError(
          'OUT_OF_RANGE',
          `Cannot move group "${name}" behind position "${to.after}" of partition ${to.partition} of "${topicName}": it has ${count} partitions` +
            (end === undefined ? '' : `, and that one ends at ${end}`),
        )
      wanted = [[to.partition, offset]]
    }
    const group = names.group(name)
    const before = (await placesOf(cluster, [group], counts)).get(group) ?? []
    const places = wanted.map(([partition, offset]): Place => {
      const note = before.find((one) => one.partition === partition)?.note ?? newNote()
      return { topic, partition, offset, note: { ...note, ahead: [] } }
    })
    await commitPlaces(cluster, group, places).catch((error: unknown) => refuse('move', name, error))
  }

  const forget: Groups['forget'] = async ({ group: name, topic, reason, by = '' }) => {
    checkName('group', name)
    const group = names.group(name)
    const wanted = topic === undefined ? undefined : names.topic(topic)
    const places = ((await placesOf(cluster, [group])).get(group) ?? []).filter((one) => (wanted ?? one.topic) === one.topic)
    const where = topic === undefined ? '' : ` on topic "${topic}"`
    if (places.length === 0) throw new CallError('NOT_FOUND', `Cannot forget group "${name}"${where}: it has no position there`)
    const unread = await unreadOf(places)
    const byTopic = Map.groupBy(places, (place) => place.topic)
    const forgotten = [...byTopic].map(([kafkaName, of]): Forgotten => ({
      topic: names.read(kafkaName)?.name ?? kafkaName,
      unread: of.reduce((sum, place) => sum + unread(place), 0),
    }))
    const gone = [...byTopic].map(([of, some]) => ({ name: of, partitionIndexes: some.map(({ partition }) => partition) }))
    await cluster.admin
      .deleteConsumerGroupOffsets({ groupId: group, topics: gone })
      .catch((error: unknown) => refuse('forget', name, error))
    log.info('A group was forgotten', { group: name, forgotten, by, reason })
    return forgotten
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
    return noted.flatMap(({ group, place }) => {
      const { name, isQueue } = names.read(group)!
      const members = [...(described.get(group)?.members.values() ?? [])]
      const reading = members.filter(({ metadata }) => metadata?.topics?.includes(place.topic) ?? true).length
      const lost = place.note!.lost
      return {
        ...{ group: isQueue ? 'queue' : name, topic: names.read(place.topic)?.name ?? place.topic, partition: place.partition },
        ...{ lag: unread(place), members: reading, lost },
      }
    })
  }

  return {
    declare: async ({ group, topics: wanted, from = 'beginning' }) => {
      checkName('group', group)
      for (const topic of wanted) checkName('topic', topic)
      await place(names.group(group), wanted.map(names.topic), from)
    },
    declareQueue: (queue) => place(names.queue(queue), [names.queue(queue)], 'beginning'),
    seek,
    forget,
    lag,
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
