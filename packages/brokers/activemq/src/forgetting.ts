import type { BrokerServer } from 'dure/messaging/adapter'
import { throwAway } from './browse.ts'
import type { Line } from './line.ts'
import type { GroupQueue, Names } from './names.ts'
import type { QueueStats, Server } from './server.ts'

/** Groups that nobody has any more: without a record a group is not there, whatever its queues still hold. */
export type Forgetting = Pick<BrokerServer, 'forget'> & {
  /** Throws away what servers put into the queues of groups that were forgotten, where clients cannot remove them. */
  readonly sweep: () => Promise<void>
}

type Stats = ReadonlyMap<string, QueueStats>

export function createForgetting(options: {
  readonly line: Line
  readonly server: Server
  readonly names: Names
  /** Told of the record of each. */
  readonly forgotten: (record: string) => void
}): Forgetting {
  const { line, server, names, forgotten } = options
  const isThere = (stats: Stats, { group, topic }: Omit<GroupQueue, 'partition'>): boolean =>
    (stats.get(names.record(group, topic))?.size ?? 0) > 0

  /** What came before it was looked whether the group is there is nobody's. */
  const clear = async (queue: GroupQueue): Promise<void> => {
    const { group, topic, partition } = queue
    const source = server.groupSource(names.groupQueue(group, topic, partition), names.address(topic, partition))
    await throwAway(line, source, { may: async () => !isThere(await server.stats(), queue) })
  }

  const forgetOn = async (group: string, topic: string, stats: Stats): Promise<number> => {
    const own = [...stats].flatMap(([name, { size }]) => {
      const queue = names.groupQueueFrom(name)
      return queue?.group === group && queue.topic === topic ? [{ name, queue, size }] : []
    })
    const record = names.record(group, topic)
    forgotten(record)
    await throwAway(line, server.queueSource(record))
    if (server.remove !== undefined) await server.remove([...own.map(({ name }) => name), record, names.members(group, topic)])
    else for (const { queue } of own) await clear(queue)
    return own.reduce((sum, { size }) => sum + size, 0)
  }

  return {
    forget: async ({ group, topic: only }) => {
      const stats = await server.stats()
      const queues = [...stats.keys()].flatMap((name) => names.groupQueueFrom(name) ?? [])
      const own = queues.filter((one) => one.group === group && (only ?? one.topic) === one.topic && isThere(stats, one))
      const topics = [...new Set(own.map(({ topic }) => topic))]
      if (topics.some((topic) => (stats.get(names.members(group, topic))?.consumers ?? 0) > 0)) return 'members'
      const all: { topic: string; unread: number }[] = []
      for (const topic of topics) all.push({ topic, unread: await forgetOn(group, topic, stats) })
      return all
    },
    sweep: async () => {
      const stats = await server.stats()
      for (const [name, { size }] of stats) {
        const queue = names.groupQueueFrom(name)
        if (queue !== undefined && size > 0 && !isThere(stats, queue)) await clear(queue)
      }
    },
  }
}
