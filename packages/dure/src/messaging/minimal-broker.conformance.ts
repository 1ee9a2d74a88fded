import { CallError, type Message } from '../contract/contract.ts'
import { topicOf } from '../contract/internal.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { inTime } from '../runtime/internal.ts'
import { quietly, STOP_TIMEOUT, subscriptionOf, UNBOUNDED, type GroupLag, type Subscription } from './broker-adapter.ts'
import type { Broker } from './broker.ts'
import type { Capabilities } from './capabilities.ts'
import { publishInKeyOrder } from './key-order.ts'
import { BROKER_NUMBERS, checkMessages, checkName, checkOptions } from './limits.ts'
import { createPartitionLoop, sharePartitions, type Member, type PartitionLoop } from './partition-loop.ts'
import { partitionOf } from './partitioner.ts'
import type { ReceiveOptions } from './queues.ts'
import type { Delivery, GroupOptions } from './topics.ts'

/**
 * A broker that does no more than the ports ask: it takes messages one by one, so that a list may arrive in part; it keeps
 * nothing but what its groups have still to read; and it forgets all of that, and its groups, when it ends.
 */
export const MINIMAL: Capabilities = {
  log: false,
  replay: false,
  browse: false,
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
type Receiver = { readonly options: ReceiveOptions; inHand: number; leaving: boolean; idle: (() => void) | undefined }
type Queue = { readonly waiting: Message[]; readonly receivers: Receiver[]; unsettled: number; turn: number }

const [PARTITIONS, RETENTION, BATCH_SIZE, PAUSE] = [2, 3_600_000, 1024 * 1024, 5]

export function minimalBroker({ runtime, loses = () => false, heedless = false }: MinimalBrokerOptions): Broker {
  const topics = new Map<string, number>()
  const groups = new Map<string, Group>()
  const queues = new Map<string, Queue>()
  const subscriptions = new Set<Subscription>()
  const pauses = new Set<Timer>()
  let positions = 0
  let epochs = 0
  const identity = runtime.ids.next()
  const epoch = () => ({ epoch: ++epochs, broker: identity })
  let stopping: Promise<void> | undefined

  const running = (action: string): void => {
    if (stopping) throw new CallError('UNAVAILABLE', `Cannot ${action}: the minimal broker has stopped`)
  }
  const partitionsOf = (topic: string): number => {
    const partitions = topics.get(topic)
    if (partitions === undefined) throw new CallError('NOT_FOUND', `Cannot find topic "${topic}": nobody has declared it`)
    return partitions
  }
  const declareTopic = (topic: string, partitions = PARTITIONS): void => {
    checkName('topic', topic)
    if (!topics.has(topic)) topics.set(topic, partitions)
  }

  const laneOf = (topic: string, partition: number, members: readonly Member[]): Lane => {
    const pending: Delivery[] = []
    const next = (limit: number): readonly Delivery[] => {
      let size = 0
      const fitting = pending.findIndex(({ message }, at) => (size += message.data.length) > BATCH_SIZE && at > 0)
      return pending.slice(0, Math.min(limit, fitting < 0 ? limit : fitting))
    }
    const loop = createPartitionLoop(runtime, {
      ...{ topic, partition, next, more: () => pending.length > 0, epoch, moveTo: () => {}, members: () => members },
      settle: (batch, taken) => void (taken && pending.splice(0, batch.length)),
    })
    return { pending, loop }
  }

  const declareGroup = ({ group: name, topics: names }: GroupOptions): readonly Group[] => {
    checkName('group', name)
    return [...new Set(names)].map((topic) => {
      declareTopic(topic)
      const known = groups.get(`${name}\0${topic}`)
      if (known !== undefined) return known
      const members: Member[] = []
      const lanes = Array.from({ length: partitionsOf(topic) }, (_, partition) => laneOf(topic, partition, members))
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
    const partition = partitionOf(message.key, partitionsOf(name))
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

  const subscribed = (leave: () => Promise<void>): Subscription => {
    const subscription = subscriptionOf(runtime.timers, async () => {
      await leave()
      subscriptions.delete(subscription)
    })
    subscriptions.add(subscription)
    return subscription
  }

  const queueOf = (name: string): Queue => {
    checkName('queue', name)
    const known = queues.get(name) ?? { waiting: [], receivers: [], unsettled: 0, turn: 0 }
    queues.set(name, known)
    return known
  }

  const wake = (queue: Queue): void => {
    const isFree = ({ options, inHand, leaving }: Receiver): boolean => !leaving && inHand < (options.concurrency ?? 16)
    while (queue.waiting.length > 0 && queue.receivers.some(isFree)) {
      let receiver: Receiver
      do receiver = queue.receivers[queue.turn++ % queue.receivers.length]!
      while (!isFree(receiver))
      void handle(queue, receiver, queue.waiting.shift()!)
    }
  }

  const handle = async (queue: Queue, receiver: Receiver, message: Message): Promise<void> => {
    receiver.inHand++
    try {
      await receiver.options.handle(message)
      queue.unsettled--
    } catch (error) {
      receiver.options.onError?.(error)
      const timer = runtime.timers.after(PAUSE, () => {
        pauses.delete(timer)
        queue.waiting.push(message)
        wake(queue)
      })
      pauses.add(timer)
    }
    if (--receiver.inHand === 0) receiver.idle?.()
    wake(queue)
  }

  const lag = (): readonly GroupLag[] => [
    ...groups.values().flatMap(({ name, topic, lanes, members }) =>
      lanes.map(({ pending }, partition) => {
        return { group: name, topic, partition, lag: pending.length, members: members.length }
      }),
    ),
    ...queues.entries().map(([topic, { unsettled, receivers }]) => {
      return { group: 'queue', topic, partition: 0, lag: unsettled, members: receivers.length }
    }),
  ]

  const cannot = (what: string): never => {
    throw new CallError('UNIMPLEMENTED', `Cannot ${what}: the minimal broker keeps no log`)
  }

  return {
    name: 'minimal',
    capabilities: MINIMAL,
    declareTopic: async (topic, options = {}) => {
      running('declare a topic')
      checkOptions(`declare topic "${topic}"`, { partitions: options.partitions }, BROKER_NUMBERS.topic)
      checkOptions(`declare topic "${topic}" with this retention`, options.retention ?? {}, BROKER_NUMBERS.retention)
      declareTopic(topic, options.partitions)
    },
    publish: async (given) => {
      running('publish')
      checkMessages(given)
      const messages = given.map((message) => Object.freeze({ ...message }))
      if (!heedless) return publishInKeyOrder(messages, take)
      const failed = (await Promise.allSettled(messages.map(take))).find(({ status }) => status === 'rejected')
      if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
    },
    declareGroup: async (options) => {
      running('declare a group')
      declareGroup(options)
    },
    partitions: async (topic) => partitionsOf(topic),
    subscribe: async (given) => {
      running('subscribe')
      const options = quietly(given)
      checkOptions(`subscribe group "${options.group}"`, options, BROKER_NUMBERS.subscribe)
      const joined = declareGroup(options)
      const member: Member = { options, held: 0, leaving: false, released: undefined }
      for (const group of joined) {
        group.members.push(member)
        share(group)
      }
      return subscribed(async () => {
        member.leaving = true
        for (const group of joined) share(group)
        await new Promise<void>((resolve) => {
          member.released = () => void (member.held === 0 && resolve())
          member.released()
        })
        for (const { members } of joined) members.splice(members.indexOf(member), 1)
      })
    },
    send: async (messages) => {
      running('send')
      checkMessages(messages)
      for (const message of messages) {
        const queue = queueOf(topicOf(message))
        queue.waiting.push(Object.freeze({ ...message }))
        queue.unsettled++
        wake(queue)
      }
    },
    receive: async (given) => {
      running('receive')
      const options = quietly(given)
      checkOptions(`receive from queue "${options.queue}"`, options, BROKER_NUMBERS.receive)
      const queue = queueOf(options.queue)
      const receiver: Receiver = { options, inHand: 0, leaving: false, idle: undefined }
      queue.receivers.push(receiver)
      wake(queue)
      return subscribed(async () => {
        receiver.leaving = true
        if (receiver.inHand > 0) await new Promise<void>((resolve) => void (receiver.idle = resolve))
        queue.receivers.splice(queue.receivers.indexOf(receiver), 1)
      })
    },
    lag: async () => lag(),
    retention: async () => RETENTION,
    seek: async () => cannot('move a group'),
    forget: async ({ group: name, topic }) => {
      const found = [...groups].filter(([, group]) => group.name === name && (topic ?? group.topic) === group.topic)
      if (found.length === 0) throw new CallError('NOT_FOUND', `Cannot forget group "${name}": it is not there`)
      if (found.some(([, { members }]) => members.length > 0))
        throw new CallError('FAILED_PRECONDITION', `Cannot forget group "${name}": it has members reading; stop them first`)
      for (const [key] of found) groups.delete(key)
      return found.map(([, group]) => {
        return { topic: group.topic, unread: group.lanes.reduce((sum, { pending }) => sum + pending.length, 0) }
      })
    },
    browse: async () => cannot('browse'),
    stop: ({ timeout = STOP_TIMEOUT } = {}) =>
      (stopping ??= inTime(
        runtime.timers,
        timeout,
        Promise.all([...subscriptions].map((one) => one.stop(UNBOUNDED))).then(() => pauses.forEach((timer) => timer.cancel())),
        () => {},
      )),
  }
}
