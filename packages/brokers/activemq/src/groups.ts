import type { SubscribeOptions } from 'dure/messaging'
import {
  createGroupMembers,
  createLookups,
  holdPartition,
  type BrokerServer,
  type GroupMembers,
  type OpenPartition,
} from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { startBeats } from './beats.ts'
import type { Catalogue, Topic } from './catalogue.ts'
import { createFeed, type Budget } from './feed.ts'
import { createForgetting, type Forgetting } from './forgetting.ts'
import type { Line } from './line.ts'
import type { Names } from './names.ts'
import { beThere } from './presence.ts'
import { createRecords, type Records } from './records.ts'
import type { Server } from './server.ts'

/** Consumer groups: made, joined, forgotten. A group has a queue for each partition, which one consumer has at a time. */
export type Groups = Pick<BrokerServer, 'declareGroup' | 'subscribe'> & Forgetting & { readonly close: () => void }

export type GroupsWorld = {
  readonly line: Line
  readonly sending: Line
  readonly server: Server
  readonly names: Names
  readonly catalogue: Catalogue
  readonly runtime: Runtime
  readonly log: Logger
  /** Milliseconds after which a member that is not heard of has no partitions any more. */
  readonly lease: number
  readonly budget: Budget
}

type Group = { readonly records: Records; readonly members: GroupMembers; readonly again: () => Promise<void> }

export function createGroups(world: GroupsWorld): Groups {
  const { line, sending, server, names, catalogue, runtime, log, lease, budget } = world
  const groups = new Map<string, Group>()
  let declared = createLookups<Records>()
  let isClosed = false

  const beats = startBeats({
    ...{ line, server, runtime, lease, address: names.beats },
    look: (record) => {
      for (const [name, { members }] of groups) if (record === undefined || record === name) members.look()
    },
    wake: () => {},
  })

  /** Its queues are there before anybody can see it. */
  const declare = (group: string, topic: Topic): Promise<Records> =>
    declared.find(names.record(group, topic.name), async () => {
      const record = names.record(group, topic.name)
      const queues = Array.from({ length: topic.partitions }, (_, partition) => ({
        name: names.groupQueue(group, topic.name, partition),
        address: names.address(topic.name, partition),
      }))
      await server.ensure([...queues, { name: record }, { name: names.members(group, topic.name) }])
      const { partitions } = topic
      const records = createRecords({
        ...{ line, sending, server, runtime, queue: record, partitions },
        changed: () => beats.tell(record),
      })
      await records.declare()
      return records
    })
  const unlisten = line.listen({
    opened: () => {
      declared = createLookups()
      for (const { again } of groups.values()) again().catch(() => {})
    },
  })

  const openPartition = (topic: Topic, group: string, records: Records, given: OpenPartition) => {
    const { member, partition, epoch, after, refused } = given
    const feed = createFeed({
      ...{ line, runtime, budget, topic: topic.name, partition },
      source: server.groupSource(names.groupQueue(group, topic.name, partition), names.address(topic.name, partition)),
      wake: () => held.wake(),
      failed: (error) => member.onError?.(error),
    })
    const held = holdPartition(runtime, {
      ...{ member, after, refused, open: feed.open, next: feed.next, taken: feed.taken, isMine: beats.isAlive },
      assignment: { topic: topic.name, partition, epoch, broker: records.identity() },
    })
    const end = async (ended: Promise<void>): Promise<void> => {
      await ended
      await feed.close()
    }
    return {
      wake: held.wake,
      give: () => end(held.give()),
      lose: async () => void (await Promise.all([feed.close(), held.lose()])),
    }
  }

  const groupOf = async (group: string, topic: Topic): Promise<Group> => {
    const records = await declare(group, topic)
    const name = names.record(group, topic.name)
    const known = groups.get(name)
    if (known !== undefined) return known
    const members = createGroupMembers({
      ...{ runtime, topic: topic.name, group, records, newId: beats.newId, isDead: beats.isDead },
      log: { ...log, warn: (text, fields) => isClosed || log.warn(text, fields) },
      isConnected: () => line.now() !== undefined,
      open: (given) => openPartition(topic, group, records, given),
    })
    const again = async (): Promise<void> => {
      await declare(group, topic)
      members.look()
    }
    const made = { records, members, again }
    groups.set(name, made)
    return made
  }

  const subscribe = async (options: SubscribeOptions): Promise<() => Promise<void>> => {
    const joined: (() => Promise<void>)[] = []
    const leave = async (): Promise<void> => void (await Promise.all(joined.map((one) => one())))
    try {
      for (const name of options.topics) {
        const topic = await catalogue.declare(name)
        const { members } = await groupOf(options.group, topic)
        const present = await beThere(line, server, names.members(options.group, name))
        const { known, leave: part } = members.join(options)
        joined.push(async () => {
          await part()
          await present.end()
          if (!members.isEmpty()) return
          members.close()
          groups.delete(names.record(options.group, name))
        })
        await known
      }
    } catch (error) {
      await leave()
      throw error
    }
    return leave
  }

  return {
    declareGroup: async ({ group, topics }) => {
      for (const name of topics) await declare(group, await catalogue.declare(name))
    },
    subscribe,
    ...createForgetting({ line, server, names, forgotten: (record) => declared.forget(record) }),
    close: () => {
      isClosed = true
      unlisten()
      beats.stop()
      for (const { members } of groups.values()) members.close()
    },
  }
}
