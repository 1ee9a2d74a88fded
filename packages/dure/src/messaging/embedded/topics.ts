import { CallError, type Message, type Retention } from '../../contract/contract.ts'
import { topicOf } from '../../contract/internal.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { TopicOptions } from '../topics.ts'
import { BROKER_NUMBERS, checkMessages, checkName, checkOptions } from '../limits.ts'
import { partitionOf } from '../partitioner.ts'
import type { Commits } from './commits.ts'
import type { BrokerFile } from './file.ts'
import { createPartition, createPartitionTable, type Partition } from './partition.ts'
import { ownCopy, weightOf } from './rows.ts'

export type Topic = {
  readonly id: number
  readonly name: string
  readonly partitions: readonly Partition[]
  retention: Required<Retention>
}

/** The topics of one broker: made, appended to, looked up. */
export type Topics = {
  readonly all: () => Iterable<Topic>
  readonly get: (name: string) => Topic | undefined
  /** @throws {CallError} NOT_FOUND naming the topic */
  readonly need: (name: string) => Topic
  readonly declare: (name: string, options?: TopicOptions) => Promise<Topic>
  /** Milliseconds for which a topic keeps messages, also one that is not there yet. */
  readonly retentionOf: (name: string) => number
  readonly publish: (messages: readonly Message[]) => Promise<void>
}

const DAY = 86_400_000
const RETENTION: Required<Retention> = { ms: 7 * DAY, bytes: 1024 ** 3 }

/** Columns hold whole numbers: without end is the largest one. */
const wholeOf = (kept: number): number => Math.min(kept, Number.MAX_SAFE_INTEGER)
const numberOf = (column: unknown): number => (Number(column) === Number.MAX_SAFE_INTEGER ? Infinity : Number(column))

export function createTopics(options: {
  file: BrokerFile
  commits: Commits
  runtime: Runtime
  /** Of topics that do not say. */
  partitions: number
}): Topics {
  const { file, commits, runtime } = options
  const { db } = file
  const topics = new Map<string, Topic>()
  const declaring = new Map<string, Promise<Topic>>()

  const open = (id: number, name: string, partitions: number, retention: Required<Retention>): Topic => ({
    id,
    name,
    partitions: Array.from({ length: partitions }, (_, number) =>
      createPartition({ db, topicId: id, topic: name, number, now: runtime.clock.now() }),
    ),
    retention,
  })
  for (const row of db.prepare('SELECT * FROM topics').all()) {
    const retention = { ms: numberOf(row['retention_ms']), bytes: numberOf(row['retention_bytes']) }
    const name = String(row['name'])
    topics.set(name, open(Number(row['id']), name, Number(row['partitions']), retention))
  }

  const create = async (name: string, partitions: number, retention: Required<Retention>): Promise<Topic> => {
    let id = 0
    await commits.add({
      write: () => {
        const insert = db.prepare('INSERT INTO topics (name, partitions, retention_ms, retention_bytes) VALUES (?, ?, ?, ?)')
        id = Number(insert.run(name, partitions, wholeOf(retention.ms), wholeOf(retention.bytes)).lastInsertRowid)
        for (let number = 0; number < partitions; number++) createPartitionTable(db, id, number)
      },
    })
    const topic = open(id, name, partitions, retention)
    topics.set(name, topic)
    return topic
  }

  const changeRetention = async (topic: Topic, retention: Required<Retention>): Promise<void> => {
    if (topic.retention.ms === retention.ms && topic.retention.bytes === retention.bytes) return
    await commits.add({
      write: () => {
        db.prepare('UPDATE topics SET retention_ms = ?, retention_bytes = ? WHERE id = ?').run(
          wholeOf(retention.ms),
          wholeOf(retention.bytes),
          topic.id,
        )
      },
      committed: () => void (topic.retention = retention),
    })
  }

  const declare: Topics['declare'] = async (name, { partitions, retention } = {}) => {
    checkName('topic', name)
    checkOptions(`declare topic "${name}"`, { partitions }, BROKER_NUMBERS.topic)
    checkOptions(`declare topic "${name}" with this retention`, retention ?? {}, BROKER_NUMBERS.retention)
    // Two who declare a topic at once get the same one.
    const known = topics.get(name) ?? declaring.get(name)
    if (known) {
      const topic = await known
      if (retention) await changeRetention(topic, { ...RETENTION, ...retention })
      return topic
    }
    const made = create(name, partitions ?? options.partitions, { ...RETENTION, ...retention }).finally(() =>
      declaring.delete(name),
    )
    declaring.set(name, made)
    return made
  }

  let entering: Promise<void> | undefined
  const append = (given: readonly Message[]): Promise<void> => {
    const messages = given.map(ownCopy)
    const touched = new Set<Partition>()
    return commits.add({
      weight: weightOf(messages),
      write: () => {
        const at = runtime.clock.now()
        for (const message of messages) {
          const { partitions } = topics.get(topicOf(message))!
          const partition = partitions[partitionOf(message.key, partitions.length)]!
          touched.add(partition)
          partition.stage(message, at)
        }
      },
      committed: () => {
        for (const partition of touched) partition.settle(true)
      },
      failed: () => {
        for (const partition of touched) partition.settle(false)
      },
    })
  }

  return {
    all: () => topics.values(),
    get: (name) => topics.get(name),
    need: (name) => {
      const topic = topics.get(name)
      if (topic) return topic
      throw new CallError('NOT_FOUND', `Cannot find topic "${name}": nobody has declared it or published to it`)
    },
    declare,
    retentionOf: (name) => (topics.get(name)?.retention ?? RETENTION).ms,
    publish: async (messages) => {
      if (messages.length === 0) return
      checkMessages(messages)
      if (entering === undefined && messages.every((message) => topics.has(topicOf(message)))) return append(messages)
      // Whoever waits for a topic to be made is not overtaken by those who come later.
      const entered = (entering ?? Promise.resolve()).then(async () => {
        for (const name of new Set(messages.map(topicOf))) if (!topics.has(name)) await declare(name)
        return { appended: append(messages) }
      })
      const turn = entered.then(
        () => {},
        () => {},
      )
      entering = turn
      void turn.then(() => {
        if (entering === turn) entering = undefined
      })
      await (
        await entered
      ).appended
    },
  }
}
