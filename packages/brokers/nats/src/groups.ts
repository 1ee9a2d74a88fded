import type { GroupLag, GroupOptions } from 'dure/messaging'
import { createAges, type BrokerServer } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Link } from './connection.ts'
import { BEGINNING, createConsumers, endOf, placeKey, sinceOf, unread, type Consumers } from './consumers.ts'
import { openFeed } from './feed.ts'
import type { Budget } from './intake.ts'
import { createMembers, type Members } from './members.ts'
import type { Names } from './names.ts'
import { createRecords, type Records } from './records.ts'
import type { Streams, Topic } from './streams.ts'

/** Consumer groups on the server. */
export type Groups = GroupParts & {
  readonly declare: (options: Required<GroupOptions>) => Promise<void>
  readonly join: BrokerServer['subscribe']
  readonly lag: (topic: Topic) => Promise<readonly GroupLag[]>
  readonly close: () => void
}

/** What the operations on groups are made of. */
export type GroupParts = {
  readonly link: Link
  readonly names: Names
  readonly runtime: Runtime
  readonly log: Logger
  readonly streams: Streams
  readonly lease: number
  readonly records: Records
  readonly consumers: Consumers
}

export function createGroups(given: Omit<GroupParts, 'records' | 'consumers'>): Groups {
  const { link, names, runtime, log, streams, lease } = given
  const parts: GroupParts = { ...given, records: createRecords(link, names), consumers: createConsumers(link, names) }
  const { records, consumers } = parts
  const budget: Budget = { used: 0 }
  const ages = createAges()
  const joined = new Map<string, Members>()

  /** Each partition's first consumer, where the group has none: from then on it misses nothing. */
  const declare: Groups['declare'] = async ({ group, topics, from }) => {
    for (const name of topics) {
      const topic = await streams.declare(name)
      const known = await consumers.of(topic)
      const start = from === 'end' ? await endOf(link, topic) : BEGINNING
      for (let partition = 0; partition < topic.partitions; partition++) {
        if (known.has(placeKey(group, partition))) continue
        await consumers.make(topic, { group, partition, epoch: 0, turn: 0, start }, [])
      }
    }
  }

  const membersOf = (topic: Topic, group: string): { readonly key: string; readonly members: Members } => {
    const key = `${topic.stream} ${group}`
    const known = joined.get(key)
    if (known !== undefined) return { key, members: known }
    const members = createMembers({
      ...{ link, runtime, log, records, topic, group, lease, subject: names.beat(topic.name, group) },
      open: (own) => openFeed({ link, runtime, consumers, identity: streams.identity, budget, topic, ...own }),
    })
    joined.set(key, members)
    return { key, members }
  }

  return {
    ...parts,
    declare,
    join: async (request) => {
      const topics = await Promise.all(request.topics.map((name) => streams.declare(name)))
      const places = topics.map((topic) => membersOf(topic, request.group))
      const own = places.map((place) => ({ ...place, ...place.members.join(request) }))
      await Promise.all(own.map(({ known }) => known))
      const leave = async ({ key, members, leave }: (typeof own)[number]): Promise<void> => {
        await leave()
        if (!members.isEmpty() || joined.get(key) !== members) return
        joined.delete(key)
        members.close()
      }
      return async () => void (await Promise.all(own.map(leave)))
    },
    lag: async (topic) => {
      const found = [...(await consumers.of(topic)).values()].map(([first]) => first!)
      const members = new Map<string, number>()
      for (const group of new Set(found.map((one) => one.group)))
        members.set(group, (await records.read(topic.name, group, topic.partitions)).record.members.length)
      const lags = found
        .toSorted((a, z) => a.partition - z.partition)
        .map(async (one) => ({
          ...{ group: one.group, topic: topic.name, partition: one.partition },
          ...{ lag: unread(one), since: await sinceOf(link, ages, topic, one), members: members.get(one.group)! },
        }))
      return Promise.all(lags)
    },
    close: () => joined.forEach((members) => members.close()),
  }
}
