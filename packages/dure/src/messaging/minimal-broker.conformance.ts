import { CallError, type Message } from '../contract/contract.ts'
import { topicOf } from '../contract/internal.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import type { BrokerServer } from './adapter/broker-server.ts'
import { brokerOf } from './adapter/network-broker.ts'
import type { GroupLag } from './broker-adapter.ts'
import type { Broker } from './broker.ts'
import type { Capabilities } from './capabilities.ts'
import { fitting } from './fitting.ts'
import { publishInKeyOrder } from './key-order.ts'
import { createPartitionLoop, sharePartitions, type Member, type PartitionLoop } from './partition-loop.ts'
import { partitionOf } from './partitioner.ts'
import type { Receivers } from './receivers.ts'
import type { Delivery, GroupOptions } from './topics.ts'

/**
 * A broker that does no more than the ports ask: it takes messages one by one, so that a list may arrive in part; it keeps
 * nothing but what its groups have still to read; and it forgets all of that, and its groups, when it ends.
 */
export const MINIMAL: Capabilities = {
  log: false,
  replay: false,
  browse: false,
  age: false,
  ordered: true,
  topics: true,
  queues: true,
  durable: false,
}

export type MinimalBrokerOptions = {
  readonly runtime: Runtime
  /** Whether this message is lost on its way to the broker, asked each time it is published. */
  readonly loses?: (message: Message) => boolean
  /** Publishes a list as it stands, all messages at once: what the port does not allow. */
  readonly heedless?: boolean
}

/** What a group has still to read of one partition. */
type Lane = { readonly pending: Delivery[]; readonly loop: PartitionLoop }
type Group = { readonly name: string; readonly topic: string; readonly lanes: readonly Lane[]; readonly members: Member[] }
type Queue = { readonly waiting: Message[]; unsettled: number; receivers: Receivers | undefined }

const [PARTITIONS, RETENTION, BATCH_SIZE] = [2, 3_600_000, 1024 * 1024]

export function minimalBroker({ runtime, loses = () => false, heedless = false }: MinimalBrokerOptions): Broker {
  const topics = new Map<string, number>()
  const groups = new Map<string, Group>()
  const queues = new Map<string, Queue>()
  const pauses = new Set<Timer>()
  let positions = 0
  let epochs = 0
  const identity = runtime.ids.next()
  const epoch = () => ({ epoch: ++epochs, broker: identity })

  const declareTopic = (topic: string, partitions = PARTITIONS): void => {
    if (!topics.has(topic)) topics.set(topic, partitions)
  }

  const laneOf = (topic: string, partition: number, members: readonly Member[]): Lane => {
    const pending: Delivery[] = []
    const next = (count: number): readonly Delivery[] =>
      fitting(pending, { count, size: BATCH_SIZE }, ({ message }) => message.data.length)
    const loop = createPartitionLoop(runtime, {
      ...{ topic, partition, next, more: () => pending.length > 0, epoch, moveTo: () => {}, members: () => members },
      settle: (batch, taken) => void (taken && pending.splice(0, batch.length)),
    })
    return { pending, loop }
  }

  const declareGroup = ({ group: name, topics: names }: GroupOptions): readonly Group[] => {
    return names.map((topic) => {
      declareTopic(topic)
      const known = groups.get(`${name}\0${topic}`)
      if (known !== undefined) return known
      const members: Member[] = []
      const lanes = Array.from({ length: topics.get(topic)! }, (_, partition) => laneOf(topic, partition, members))
      const group: Group = { name, topic, lanes, members }
      groups.set(`${name}\0${topic}`, group)
      return group
    })
  }

  /** Every message by itself, each at its own time: what the network does to those that are sent side by side. */
  const take = async (message: Message): Promise<void> => {
    await new Promise<void>((resolve) => runtime.timers.soon(resolve))
    if (loses(message)) throw new CallError('UNAVAILABLE', 'The message was lost on its way')
    const name = topicOf(message)
    declareTopic(name)
    const partition = partitionOf(message.key, topics.get(name)!)
    for (const { topic, lanes } of groups.values()) {
      if (topic !== name) continue
      lanes[partition]!.pending.push({ message, partition, position: String(positions++) })
      lanes[partition]!.loop.wake()
    }
  }

  const share = ({ lanes, members }: Group): void =>
    sharePartitions(
      lanes.map(({ loop }) => loop),
      members,
    )

  const queueOf = (name: string): Queue => {
    const known = queues.get(name) ?? { waiting: [], unsettled: 0, receivers: undefined }
    queues.set(name, known)
    return known
  }

  const wake = (queue: Queue): void => {
    const { waiting, receivers } = queue
    while (waiting.length > 0 && (receivers?.room().messages ?? 0) > 0) {
      const message = waiting.shift()!
      receivers!.give({
        ...{ message, size: message.data.length, done: async () => void queue.unsettled-- },
        again: (ms) => {
          const timer = runtime.timers.after(ms, () => {
            pauses.delete(timer)
            waiting.push(message)
            wake(queue)
          })
          pauses.add(timer)
        },
      })
    }
  }

  const lag = (): readonly GroupLag[] => [
    ...groups.values().flatMap(({ name, topic, lanes, members }) =>
      lanes.map(({ pending }, partition) => {
        return { group: name, topic, partition, lag: pending.length, members: members.length }
      }),
    ),
    ...queues.entries().map(([topic, { unsettled, receivers }]) => {
      return { group: 'queue', topic, partition: 0, lag: unsettled, members: receivers === undefined ? 0 : 1 }
    }),
  ]

  const server: BrokerServer = {
    capabilities: MINIMAL,
    declareTopic: async (topic, { partitions }) => declareTopic(topic, partitions),
    partitions: async (topic) => topics.get(topic),
    retention: async () => RETENTION,
    publish: async (_, messages) => {
      if (!heedless) return publishInKeyOrder(messages, take)
      const failed = (await Promise.allSettled(messages.map(take))).find(({ status }) => status === 'rejected')
      if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
    },
    declareGroup: async (options) => void declareGroup(options),
    subscribe: async (options) => {
      const joined = declareGroup(options)
      const member: Member = { options, held: 0, leaving: false, released: undefined }
      for (const group of joined) {
        group.members.push(member)
        share(group)
      }
      return async () => {
        member.leaving = true
        for (const group of joined) share(group)
        await new Promise<void>((resolve) => {
          member.released = () => void (member.held === 0 && resolve())
          member.released()
        })
        for (const { members } of joined) members.splice(members.indexOf(member), 1)
      }
    },
    isPosition: (position) => /^\d+$/.test(position),
    seek: async () => cannot('move a group'),
    forget: async ({ group: name, topic }) => {
      const found = [...groups].filter(([, group]) => group.name === name && (topic ?? group.topic) === group.topic)
      if (found.some(([, { members }]) => members.length > 0)) return 'members'
      for (const [key] of found) groups.delete(key)
      return found.map(([, group]) => {
        return { topic: group.topic, unread: group.lanes.reduce((sum, { pending }) => sum + pending.length, 0) }
      })
    },
    browse: async () => cannot('browse'),
    send: async (name, messages) => {
      const queue = queueOf(name)
      queue.waiting.push(...messages)
      queue.unsettled += messages.length
      wake(queue)
    },
    receive: async (name, receivers) => {
      const queue = queueOf(name)
      queue.receivers = receivers
      return { wake: () => wake(queue), leave: async () => void (queue.receivers === receivers && (queue.receivers = undefined)) }
    },
    lag: async () => lag(),
    close: () => pauses.forEach((timer) => timer.cancel()),
  }
  return brokerOf(server, { name: 'minimal', title: 'minimal', runtime, log: silentLogger() })
}

function cannot(what: string): never {
  throw new CallError('UNIMPLEMENTED', `Cannot ${what}: the minimal broker keeps no log`)
}
