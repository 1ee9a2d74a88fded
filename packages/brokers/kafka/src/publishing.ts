import { CallError, type Message } from 'dure/contract'
import { encodeMessage, partitionOf, topicOf } from 'dure/messaging/adapter'
import type { MessageToProduce } from '@platformatic/kafka'
import { isRefusal, type Cluster } from './cluster.ts'
import { explain, isUnknownTopic } from './explain.ts'
import { BATCH_SIZE } from './holding.ts'
import type { KafkaTopics } from './topics.ts'

/** What one who publishes hands over to one topic, in order. */
type Entry = {
  readonly messages: readonly Message[]
  readonly size: number
  readonly done: PromiseWithResolvers<void>
  sent: number
}

/** `most`: UTF-16 units of one request, unless one message has more. */
type Line = { readonly entries: Entry[]; readonly spreadBy: 'key' | 'id'; most: number }

/** Sends messages to topics: what comes while a request is under way goes with the next one. */
export type Publishing = {
  /** Resolved means that all in-sync replicas have them. Of each key a first part may be there when it is rejected. */
  readonly publish: (
    messages: readonly Message[],
    kafkaName: (message: Message) => string,
    spreadBy: 'key' | 'id',
  ) => Promise<void>
  /** Waits for what is under way. */
  readonly idle: () => Promise<void>
}

/**
 * One request at a time for each topic, and the producer is idempotent: a request whose answer was lost is sent again under the
 * same number, and a broker that has it takes it once. So of each key never a later message is there without those before it.
 */
export function createPublishing(options: {
  readonly cluster: Cluster
  readonly topics: KafkaTopics
  /** UTF-16 units that may wait to be sent, in all. */
  readonly pending: number
}): Publishing {
  const { cluster, topics, pending } = options
  const lines = new Map<string, Line>()
  const running = new Map<string, Promise<void>>()
  let waiting = 0

  const publish: Publishing['publish'] = async (messages, kafkaName, spreadBy) => {
    const size = sizeOf(messages)
    if (waiting > 0 && waiting + size > pending)
      throw new CallError(
        'RESOURCE_EXHAUSTED',
        `Cannot publish ${messages.length} messages: ${waiting} characters wait to be sent to Kafka already, and ${pending} may; publish less at once, or raise \`pending\``,
      )
    waiting += size
    try {
      const entries = [...Map.groupBy(messages, kafkaName)].map(([topic, of]) => {
        const entry = { messages: of, size: sizeOf(of), done: Promise.withResolvers<void>(), sent: 0 }
        const line = lines.get(topic) ?? { entries: [], spreadBy, most: BATCH_SIZE }
        lines.set(topic, line)
        line.entries.push(entry)
        if (!running.has(topic))
          running.set(
            topic,
            run(topic, line).finally(() => running.delete(topic)),
          )
        return entry.done.promise
      })
      // All are waited for: what is still under way could arrive after what is published again.
      const failed = (await Promise.allSettled(entries)).find(({ status }) => status === 'rejected')
      if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
    } finally {
      waiting -= size
    }
  }

  const run = async (topic: string, line: Line): Promise<void> => {
    // What is published in one turn goes together.
    await Promise.resolve()
    while (line.entries.length > 0) {
      const batch = nextBatch(line)
      try {
        const partitions = await topics.need(topic)
        await cluster.producer.send({ messages: batch.map(({ message }) => recordOf(topic, message, line.spreadBy, partitions)) })
        for (const { entry } of batch) entry.sent++
        for (const entry of new Set(batch.map((one) => one.entry)))
          if (entry.sent === entry.messages.length) drop(line.entries, entry).resolve()
      } catch (error) {
        // A topic that others made may take smaller ones.
        if (isTooLarge(error) && batch.length > 1) {
          line.most = sizeOf(batch.map(({ message }) => message)) / 2
          continue
        }
        if (isUnknownTopic(error)) topics.forget([topic])
        const blamed = blame(
          batch.map(({ message }) => message),
          error,
          cluster.where,
        )
        for (const entry of new Set(batch.map((one) => one.entry))) drop(line.entries, entry).reject(blamed)
      }
    }
    lines.delete(topic)
    running.delete(topic)
  }

  return { publish, idle: async () => void (await Promise.allSettled(running.values())) }
}

/** The next messages that go in one request: as many as fit, and one at least. */
function nextBatch({ entries, most }: Line): readonly { readonly entry: Entry; readonly message: Message }[] {
  const batch: { readonly entry: Entry; readonly message: Message }[] = []
  let size = 0
  for (const entry of entries)
    for (const message of entry.messages.slice(entry.sent)) {
      size += message.data.length
      if (batch.length > 0 && size > most) return batch
      batch.push({ entry, message })
    }
  return batch
}

function drop(entries: Entry[], entry: Entry): PromiseWithResolvers<void> {
  entries.splice(entries.indexOf(entry), 1)
  return entry.done
}

function recordOf(topic: string, message: Message, spreadBy: 'key' | 'id', partitions: number): MessageToProduce {
  const { headers, data } = encodeMessage('kafka', message)
  return {
    ...{ topic, partition: partitionOf(message[spreadBy], partitions) },
    ...{ key: Buffer.from(message.key), value: Buffer.from(data) },
    headers: new Map(headers.map(([name, value]) => [Buffer.from(name), Buffer.from(value)])),
  }
}

function sizeOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { data }) => sum + data.length, 0)
}

function isTooLarge(error: unknown): boolean {
  return isRefusal(error, 'MESSAGE_TOO_LARGE') || isRefusal(error, 'RECORD_LIST_TOO_LARGE')
}

/** What one message was refused with names it. */
function blame(messages: readonly Message[], error: unknown, where: string): CallError {
  const [first] = messages
  if (messages.length > 1) return explain(`publish ${messages.length} messages to "${topicOf(first!)}"`, where, error)
  const known = explain(`publish message "${first!.id}" to "${topicOf(first!)}"`, where, error)
  return new CallError(known.code, known.message, { details: { id: first!.id }, inside: true })
}
