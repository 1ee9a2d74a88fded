import { CallError } from '../../contract/contract.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { subscriptionOf, UNBOUNDED, type GroupLag, type Subscription } from '../broker-adapter.ts'
import type { Broker } from '../broker.ts'
import type { GroupOptions, SubscribeOptions } from '../topics.ts'
import { BROKER_NUMBERS, checkName, checkOptions } from '../limits.ts'
import type { Commits } from './commits.ts'
import { sharePartitions, type Member } from '../partition-loop.ts'
import { createCursor, type Budget, type Cursor } from './cursor.ts'
import type { BrokerFile } from './file.ts'
import { offsetAfter } from './partition.ts'
import { createPositions, type StoredPosition } from './positions.ts'
import type { Topic, Topics } from './topics.ts'

/** Consumer groups: who reads which partition, and how far each group has come. */
export type Groups = {
  readonly declare: (options: GroupOptions) => Promise<void>
  readonly subscribe: (options: SubscribeOptions) => Promise<Subscription>
  readonly seek: Broker['seek']
  readonly forget: Broker['forget']
  readonly lag: () => GroupLag[]
  /** Groups that have yet to read a partition's messages below an offset, and how many they would lose. */
  readonly behind: (
    topic: string,
    partition: number,
    offset: number,
  ) => readonly { readonly group: string; readonly unread: number }[]
  /** Ends every subscription and writes the last positions. */
  readonly stop: () => Promise<void>
}

type Group = { readonly name: string; readonly topic: Topic; readonly cursors: readonly Cursor[]; readonly members: Member[] }

/** Bytes that are in hand of all groups, about: a batch each, and when that is too much, a message each. */
const IN_HAND_BYTES = 64 * 1024 * 1024

/** Epochs of one start of the broker: whoever counts further would have assigned for years. */
const EPOCHS = 1_000_000_000

export function createGroups(options: {
  file: BrokerFile
  commits: Commits
  runtime: Runtime
  log: Logger
  topics: Topics
}): Groups {
  const { file, commits, runtime, log, topics } = options
  const groups = new Map<string, Group>()
  const subscriptions = new Set<Subscription>()
  const budget: Budget = { left: IN_HAND_BYTES }
  let epochs = 0

  const positions = createPositions({ file, commits, runtime })

  const openGroup = (name: string, topic: Topic, stored: (number: number) => StoredPosition): Group => {
    const group: Group = {
      name,
      topic,
      members: [],
      cursors: topic.partitions.map((partition) =>
        createCursor({
          runtime,
          partition,
          ...stored(partition.number),
          budget,
          epoch: () => ({ epoch: file.start * EPOCHS + ++epochs, broker: file.identity }),
          members: () => group.members,
          moved: (cursor) => positions.moved(cursor, group),
        }),
      ),
    }
    groups.set(keyOf(name, topic.name), group)
    return group
  }

  const byId = new Map([...topics.all()].map((topic) => [topic.id, topic]))
  for (const { group, topicId, places } of positions.stored()) {
    const topic = byId.get(topicId)
    if (topic !== undefined) openGroup(group, topic, (number) => places.get(number) ?? { position: 0, lost: 0 })
  }

  /** The group on a topic, with a position from now on even if nobody reads. */
  const joinGroup = async (name: string, topicName: string, from: 'beginning' | 'end'): Promise<Group> => {
    const topic = await topics.declare(topicName)
    const known = groups.get(keyOf(name, topicName))
    if (known) return known
    const group = openGroup(name, topic, (number) => startOf(topic, number, from))
    for (const cursor of group.cursors) positions.add(cursor, group)
    await positions.save()
    return group
  }

  const declare = async ({ group, topics: names, from = 'beginning' }: GroupOptions): Promise<readonly Group[]> => {
    checkName('group', group)
    const found: Group[] = []
    for (const name of new Set(names)) found.push(await joinGroup(group, name, from))
    return found
  }

  const subscribe: Groups['subscribe'] = async (request) => {
    checkOptions(`subscribe group "${request.group}"`, request, BROKER_NUMBERS.subscribe)
    const joined = await declare(request)
    const member: Member = { options: request, held: 0, leaving: false, released: undefined }
    for (const group of joined) {
      group.members.push(member)
      sharePartitions(group.cursors, group.members)
    }
    const leave = async (): Promise<void> => {
      member.leaving = true
      for (const group of joined) sharePartitions(group.cursors, group.members)
      await new Promise<void>((resolve) => {
        member.released = () => void (member.held === 0 && resolve())
        member.released()
      })
      for (const group of joined) group.members.splice(group.members.indexOf(member), 1)
      subscriptions.delete(subscription)
      await positions.save()
    }
    const subscription = subscriptionOf(runtime.timers, leave)
    subscriptions.add(subscription)
    return subscription
  }

  const seek: Groups['seek'] = async ({ group: name, topic: topicName, to }) => {
    const topic = topics.need(topicName)
    checkName('group', name)
    if (typeof to === 'object' && 'time' in to) checkOptions(`move group "${name}" to a time`, to, BROKER_NUMBERS.time)
    const group = groups.get(keyOf(name, topicName)) ?? openGroup(name, topic, (number) => startOf(topic, number, 'beginning'))
    refuseWhileRead('move', group)
    for (const [cursor, position] of targets(group, to)) cursor.move(position)
    await positions.save()
  }

  const forget: Groups['forget'] = async ({ group: name, topic, reason, by = '' }) => {
    const found = [...groups.values()].filter((group) => group.name === name && (topic ?? group.topic.name) === group.topic.name)
    const where = topic === undefined ? '' : ` on topic "${topic}"`
    if (found.length === 0) throw new CallError('NOT_FOUND', `Cannot forget group "${name}"${where}: it has no position there`)
    for (const group of found) refuseWhileRead('forget', group)
    // From here on it is not there, so whoever joins meanwhile begins as a new one does, after this.
    for (const group of found) groups.delete(keyOf(name, group.topic.name))
    for (const { cursors } of found) positions.drop(cursors)
    const forgotten = found.map(({ topic: { name: topicName }, cursors }) => ({
      topic: topicName,
      unread: cursors.reduce((sum, { partition, position }) => sum + partition.next() - position(), 0),
    }))
    try {
      await positions.forget(
        found.map(({ topic: of }, at) => ({ topic: of, ...{ group: name, unread: forgotten[at]!.unread, by, reason } })),
      )
    } catch (error) {
      for (const group of found) if (!groups.has(keyOf(name, group.topic.name))) groups.set(keyOf(name, group.topic.name), group)
      throw error
    }
    log.info('A group was forgotten', { group: name, forgotten, by, reason })
    return forgotten
  }

  return {
    declare: async (request) => void (await declare(request)),
    subscribe,
    seek,
    forget,
    lag: () => [...groups.values()].flatMap(lagOf),
    behind: (topic, partition, offset) => [...groups.values()].flatMap((group) => unreadOf(group, topic, partition, offset)),
    stop: async () => {
      await Promise.all([...subscriptions].map((subscription) => subscription.stop(UNBOUNDED)))
      await positions.save()
    },
  }
}

function refuseWhileRead(action: string, { name, topic, members }: Group): void {
  if (members.length === 0) return
  throw new CallError(
    'FAILED_PRECONDITION',
    `Cannot ${action} group "${name}" on topic "${topic.name}": it has ${members.length} members reading; stop them first`,
  )
}

function unreadOf({ name, topic, cursors }: Group, of: string, partition: number, offset: number) {
  const unread = topic.name === of ? offset - cursors[partition]!.position() : 0
  return unread > 0 ? [{ group: name, unread }] : []
}

function lagOf({ name, topic, cursors, members }: Group): readonly GroupLag[] {
  return cursors.map(({ partition, position, lost }) => ({
    group: name,
    topic: topic.name,
    partition: partition.number,
    lag: partition.next() - position(),
    since: partition.publishedAt(position()),
    members: members.length,
    lost: lost(),
  }))
}

function keyOf(group: string, topic: string): string {
  return `${group}\0${topic}`
}

function startOf(topic: Topic, number: number, from: 'beginning' | 'end'): StoredPosition {
  const partition = topic.partitions[number]!
  return { position: from === 'end' ? partition.next() : partition.floor(), lost: 0 }
}

/** Where each of a group's cursors should go. */
function targets(group: Group, to: Parameters<Broker['seek']>[0]['to']): readonly (readonly [Cursor, number])[] {
  if (to === 'beginning') return group.cursors.map((cursor) => [cursor, cursor.partition.floor()] as const)
  if (to === 'end') return group.cursors.map((cursor) => [cursor, cursor.partition.next()] as const)
  if ('time' in to) return group.cursors.map((cursor) => [cursor, cursor.partition.offsetAt(to.time)] as const)
  const cursor = group.cursors[to.partition]
  const next = cursor?.partition.next() ?? 0
  const offset = offsetAfter(to.after)
  if (!cursor || offset > next) {
    throw new CallError(
      'OUT_OF_RANGE',
      `Cannot move group "${group.name}" behind position "${to.after}" of partition ${to.partition} of "${group.topic.name}": ` +
        `it has ${group.cursors.length} partitions, and that one ends at ${next}`,
    )
  }
  return [[cursor, Math.max(offset, cursor.partition.floor())]]
}
