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
import { throwAway } from './kept.ts'
import type { Inlet } from './links.ts'
import type { Line } from './line.ts'
import type { Names } from './names.ts'
import { createRecords, type Records } from './records.ts'
import type { QueueStats, Server } from './server.ts'
import type { Wire } from './wire.ts'

/** Consumer groups: made, joined, forgotten. A group has a queue for each partition, which one consumer has at a time. */
export type Groups = Pick<BrokerServer, 'declareGroup' | 'subscribe' | 'forget'> & {
  /** Throws away what servers put into the queues of groups that were forgotten, where they cannot be removed. */
  readonly sweep: () => Promise<void>
  readonly close: () => void
}

export type GroupsWorld = {
  readonly line: Line
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
  const { line, server, names, catalogue, runtime, log, lease, budget } = world
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
        ...{ line, server, runtime, queue: record, partitions },
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

  /** A queue whose group has no record any more: what servers still put there is nobody's. */
  const clear = async (queue: string, group: string, topic: string, address: string): Promise<number> => {
    const isNobodys = async (): Promise<boolean> => ((await server.stats()).get(names.record(group, topic))?.size ?? 0) === 0
    return throwAway(line, server.groupSource(queue, address), { may: isNobodys })
  }

  const forgetOn = async (group: string, topic: string, stats: ReadonlyMap<string, QueueStats>): Promise<number> => {
    const own = [...stats].filter(([name]) => {
      const found = names.groupQueueFrom(name)
      return found?.group === group && found.topic === topic
    })
    const unread = own.reduce((sum, [, { size }]) => sum + size, 0)
    const record = names.record(group, topic)
    declared.forget(record)
    await throwAway(line, server.queueSource(record))
    if (server.remove !== undefined) await server.remove([...own.map(([name]) => name), record, names.members(group, topic)])
    else for (const [name] of own) await clear(name, group, topic, name.slice(name.indexOf('VirtualTopic.')))
    return unread
  }

  return {
    declareGroup: async ({ group, topics }) => {
      for (const name of topics) await declare(group, await catalogue.declare(name))
    },
    subscribe,
    forget: async ({ group, topic: only }) => {
      const stats = await server.stats()
      const found = [...new Set([...stats.keys()].flatMap((name) => names.groupQueueFrom(name) ?? []))]
      const own = found.filter((one) => one.group === group && (only === undefined || one.topic === only))
      const topics = new Set(own.map(({ topic }) => topic))
      const known = [...topics].filter((topic) => (stats.get(names.record(group, topic))?.size ?? 0) > 0)
      if (known.some((topic) => (stats.get(names.members(group, topic))?.consumers ?? 0) > 0)) return 'members'
      const forgotten: { topic: string; unread: number }[] = []
      for (const topic of known) forgotten.push({ topic, unread: await forgetOn(group, topic, stats) })
      return forgotten
    },
    sweep: async () => {
      const stats = await server.stats()
      for (const [name, { size }] of stats) {
        const found = names.groupQueueFrom(name)
        if (found === undefined || size === 0 || (stats.get(names.record(found.group, found.topic))?.size ?? 0) > 0) continue
        await clear(name, found.group, found.topic, names.address(found.topic, found.partition))
      }
    },
    close: () => {
      isClosed = true
      unlisten()
      beats.stop()
      for (const { members } of groups.values()) members.close()
    },
  }
}

/** A consumer that takes nothing: the server counts it as a member. */
async function beThere(line: Line, server: Server, queue: string): Promise<{ readonly end: () => Promise<void> }> {
  let isThere = true
  const open = async (wire: Wire): Promise<Inlet | undefined> => {
    const inlet = await wire.inlet({ source: server.queueSource(queue), arrived: () => {} })
    if (isThere) return inlet
    await inlet.close()
    return undefined
  }
  let inlet = open(await line.wire())
  await inlet
  const unlisten = line.listen({
    opened: (wire) => {
      inlet = open(wire)
      inlet.catch(() => {})
    },
  })
  return {
    end: async () => {
      isThere = false
      unlisten()
      await inlet.then((one) => one?.close()).catch(() => {})
    },
  }
}
