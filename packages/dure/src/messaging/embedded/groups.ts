import { CallError } from '../../contract/contract.ts'
import type { Runtime, Timer } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { subscriptionOf, UNBOUNDED, type GroupLag, type Subscription } from '../adapter.ts'
import type { Broker } from '../broker.ts'
import type { GroupOptions, SubscribeOptions } from '../topics.ts'
import { BROKER_NUMBERS, checkName, checkOptions } from '../limits.ts'
import type { Commits } from './commits.ts'
import { sharePartitions, type Member } from '../partition-loop.ts'
import { createCursor, type Budget, type Cursor } from './cursor.ts'
import type { BrokerFile } from './file.ts'
import { offsetAfter } from './partition.ts'
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

/** How far a group had come in a partition, and what it never got. */
type Stored = { readonly position: number; readonly lost: number }

/** Bytes that are in hand of all groups, about: a batch each, and when that is too much, a message each. */
const IN_HAND_BYTES = 64 * 1024 * 1024

/** Epochs of one start of the broker: whoever counts further would have assigned for years. */
const EPOCHS = 1_000_000_000

/** Positions are written this often at most: after a crash the last moments' messages come again. */
const SAVE_EVERY = 100

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
  const unsaved = new Map<Cursor, Group>()
  const budget: Budget = { left: IN_HAND_BYTES }
  let epochs = 0
  let alarm: Timer | undefined
  let queued: Promise<void> | undefined

  const upsert = file.db.prepare(
    `INSERT INTO positions (group_name, topic, number, position, lost) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET position = excluded.position, lost = excluded.lost`,
  )

  const remove = file.db.prepare('DELETE FROM positions WHERE group_name = ? AND topic = ?')
  const keep = file.db.prepare('INSERT INTO forgotten (group_name, topic, unread, actor, reason, at) VALUES (?, ?, ?, ?, ?, ?)')

  const save = (): Promise<void> => {
    alarm?.cancel()
    alarm = undefined
    if (unsaved.size === 0) return Promise.resolve()
    // Whoever asks before it is written shares it: it writes all positions, and many groups may stop at once.
    if (queued !== undefined) return queued
    let saved: (readonly [Cursor, number])[] = []
    let written = false
    const saving = commits.add({
      relaxed: true,
      write: () => {
        written = true
        queued = undefined
        saved = []
        for (const [cursor, group] of unsaved) {
          const position = cursor.position()
          upsert.run(group.name, group.topic.id, cursor.partition.number, position, cursor.lost())
          saved.push([cursor, position])
        }
      },
      committed: () => {
        for (const [cursor, position] of saved) if (cursor.position() === position) unsaved.delete(cursor)
      },
    })
    if (!written) queued = saving
    return saving
  }

  const saveSoon = (): void => {
    alarm ??= runtime.timers.after(SAVE_EVERY, () => {
      alarm = undefined
      // A failed save is only a chance of reading some messages twice; the next move tries again.
      save().catch(() => {})
    })
  }

  const openGroup = (name: string, topic: Topic, stored: (number: number) => Stored): Group => {
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
          epoch: () => file.start * EPOCHS + ++epochs,
          moved: (cursor) => {
            unsaved.set(cursor, group)
            saveSoon()
          },
        }),
      ),
    }
    groups.set(keyOf(name, topic.name), group)
    return group
  }

  const byTopic = new Map<number, Topic>()
  for (const topic of topics.all()) byTopic.set(topic.id, topic)
  const stored = new Map<string, { name: string; topic: Topic; positions: Map<number, Stored> }>()
  for (const row of file.db.prepare('SELECT * FROM positions').all()) {
    const topic = byTopic.get(Number(row['topic']))
    if (!topic) continue
    const name = String(row['group_name'])
    const key = keyOf(name, topic.name)
    if (!stored.has(key)) stored.set(key, { name, topic, positions: new Map() })
    const place = { position: Number(row['position']), lost: Number(row['lost']) }
    stored.get(key)!.positions.set(Number(row['number']), place)
  }
  for (const { name, topic, positions } of stored.values())
    openGroup(name, topic, (number) => positions.get(number) ?? { position: 0, lost: 0 })

  /** The group on a topic, with a position from now on even if nobody reads. */
  const joinGroup = async (name: string, topicName: string, from: 'beginning' | 'end'): Promise<Group> => {
    const topic = await topics.declare(topicName)
    const known = groups.get(keyOf(name, topicName))
    if (known) return known
    const group = openGroup(name, topic, (number) => startOf(topic, number, from))
    for (const cursor of group.cursors) unsaved.set(cursor, group)
    await save()
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
      await save()
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
    if (group.members.length > 0) {
      throw new CallError(
        'FAILED_PRECONDITION',
        `Cannot move group "${name}" on topic "${topicName}": it has ${group.members.length} members reading; stop them first`,
      )
    }
    for (const [cursor, position] of targets(group, to)) cursor.move(position)
    await save()
  }

  const forget: Groups['forget'] = async ({ group: name, topic, reason, by = '' }) => {
    const found = [...groups.values()].filter((group) => group.name === name && (topic ?? group.topic.name) === group.topic.name)
    const where = topic === undefined ? '' : ` on topic "${topic}"`
    if (found.length === 0) throw new CallError('NOT_FOUND', `Cannot forget group "${name}"${where}: it has no position there`)
    const reading = found.find(({ members }) => members.length > 0)
    if (reading !== undefined) {
      throw new CallError(
        'FAILED_PRECONDITION',
        `Cannot forget group "${name}" on topic "${reading.topic.name}": it has ${reading.members.length} members reading; stop them first`,
      )
    }
    // From here on it is not there, so whoever joins meanwhile begins as a new one does, after this.
    for (const group of found) groups.delete(keyOf(name, group.topic.name))
    for (const { cursors } of found) for (const cursor of cursors) unsaved.delete(cursor)
    const forgotten = found.map(({ topic: { name: topicName }, cursors }) => ({
      topic: topicName,
      unread: cursors.reduce((sum, { partition, position }) => sum + partition.next() - position(), 0),
    }))
    await commits.add({
      write: () => {
        found.forEach((group, i) => {
          remove.run(name, group.topic.id)
          keep.run(name, group.topic.name, forgotten[i]!.unread, by, reason, runtime.clock.now())
        })
      },
      failed: () => {
        for (const group of found)
          if (!groups.has(keyOf(name, group.topic.name))) groups.set(keyOf(name, group.topic.name), group)
      },
    })
    log.info('A group was forgotten', { group: name, forgotten, by, reason })
    return forgotten
  }

  return {
    declare: async (request) => void (await declare(request)),
    subscribe,
    seek,
    forget,
    lag: () =>
      [...groups.values()].flatMap(({ name, topic, cursors, members }) =>
        cursors.map(({ partition, position, lost }) => ({
          group: name,
          topic: topic.name,
          partition: partition.number,
          lag: partition.next() - position(),
          since: partition.publishedAt(position()),
          members: members.length,
          lost: lost(),
        })),
      ),
    behind: (topic, partition, offset) =>
      [...groups.values()]
        .filter((group) => group.topic.name === topic)
        .map((group) => ({ group: group.name, unread: offset - group.cursors[partition]!.position() }))
        .filter(({ unread }) => unread > 0),
    stop: async () => {
      await Promise.all([...subscriptions].map((subscription) => subscription.stop(UNBOUNDED)))
      await save()
    },
  }
}

function keyOf(group: string, topic: string): string {
  return `${group}\0${topic}`
}

function startOf(topic: Topic, number: number, from: 'beginning' | 'end'): Stored {
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
