import { nameFor, nameFrom } from 'dure/messaging/adapter'

/** What topics, groups and queues are called at the server: the same on Classic and on Artemis. */
export type Names = {
  /** The topic that carries a partition. */
  readonly address: (topic: string, partition: number) => string
  /** The queue in which a group has what was published to a partition: called so, Classic fills it by itself. */
  readonly groupQueue: (group: string, topic: string, partition: number) => string
  /** What is known of a topic: how many partitions it has. */
  readonly topic: (topic: string) => string
  /** The group's record: who reads what. */
  readonly record: (group: string, topic: string) => string
  /** Each member of the group has a consumer here. */
  readonly members: (group: string, topic: string) => string
  readonly queue: (queue: string) => string
  /** On which processes say that they are alive. */
  readonly beats: string
  readonly topicFrom: (name: string) => string | undefined
  readonly queueFrom: (name: string) => string | undefined
  readonly groupQueueFrom: (name: string) => GroupQueue | undefined
}

export type GroupQueue = { readonly group: string; readonly topic: string; readonly partition: number }

const NAME = { broker: 'ActiveMQ', allowed: /[A-Za-z0-9._-]/, most: 400 }
/** It stands between dots. */
const GROUP = { ...NAME, allowed: /[A-Za-z0-9_-]/ }

export function namesOf(prefix: string): Names {
  const topicName = (topic: string): string => nameFor('topic', topic, NAME)
  const groupName = (group: string): string => nameFor('group', group, GROUP)
  const address = (topic: string, partition: number): string => `VirtualTopic.${prefix}.${topicName(topic)}.${partition}`
  const behind = (start: string) => (name: string) => (name.startsWith(start) ? nameFrom(name.slice(start.length)) : undefined)
  const groupQueue = new RegExp(`^Consumer\\.([^.]+)\\.VirtualTopic\\.${prefix}\\.(.+)\\.(\\d+)$`)
  return {
    address,
    groupQueue: (group, topic, partition) => `Consumer.${groupName(group)}.${address(topic, partition)}`,
    topic: (topic) => `${prefix}.topic.${topicName(topic)}`,
    record: (group, topic) => `${prefix}.group.${groupName(group)}.${topicName(topic)}`,
    members: (group, topic) => `${prefix}.members.${groupName(group)}.${topicName(topic)}`,
    queue: (queue) => `${prefix}.queue.${nameFor('queue', queue, NAME)}`,
    beats: `${prefix}.beats`,
    topicFrom: behind(`${prefix}.topic.`),
    queueFrom: behind(`${prefix}.queue.`),
    groupQueueFrom: (name) => {
      const found = groupQueue.exec(name)
      return found === null ? undefined : { group: nameFrom(found[1]!), topic: nameFrom(found[2]!), partition: Number(found[3]) }
    },
  }
}
