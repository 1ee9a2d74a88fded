import { CallError, type Message } from 'dure/contract'
import { createPublishLines, encodeMessage, partitionOf, topicOf, type PublishLines } from 'dure/messaging/adapter'
import type { MessageToProduce } from '@platformatic/kafka'
import { isRefusal, type Cluster } from './cluster.ts'
import { explain, isUnknownTopic } from './explain.ts'
import { BATCH_SIZE } from './holding.ts'
import type { Names } from './names.ts'
import type { KafkaTopics } from './topics.ts'

/** Messages of one request. */
const COUNT = 10_000

/**
 * Sends messages to topics, by Kafka's names for them. One request at a time for each, and the producer is idempotent: a request whose
 * answer was lost is sent again under the same number, and a broker that has it takes it once. So of each key never a later message is there
 * without those before it.
 */
export function createPublishing({
  cluster,
  topics,
  names,
  pending,
}: {
  readonly cluster: Cluster
  readonly topics: KafkaTopics
  readonly names: Names
  /** UTF-16 units of data that may wait to be sent, in all. */
  readonly pending: number
}): PublishLines {
  const take = async (topic: string, messages: readonly Message[]): Promise<void> => {
    try {
      const partitions = await topics.need(topic)
      const spreadBy = names.read(topic)?.isQueue === true ? 'id' : 'key'
      await cluster.producer.send({ messages: messages.map((message) => recordOf(topic, message, spreadBy, partitions)) })
    } catch (error) {
      if (isUnknownTopic(error)) topics.forget(topic)
      if (!isTooLarge(error) || messages.length === 1) throw blame(messages, error, cluster.where)
      // A topic that others made may take smaller ones.
      const half = Math.ceil(messages.length / 2)
      await take(topic, messages.slice(0, half))
      await take(topic, messages.slice(half))
    }
  }
  return createPublishLines({ server: 'Kafka', most: pending, batch: { count: COUNT, size: BATCH_SIZE }, take })
}

function recordOf(topic: string, message: Message, spreadBy: 'key' | 'id', partitions: number): MessageToProduce {
  const { headers, data } = encodeMessage('kafka', message)
  return {
    ...{ topic, partition: partitionOf(message[spreadBy], partitions) },
    ...{ key: Buffer.from(message.key), value: Buffer.from(data) },
    headers: new Map(headers.map(([name, value]) => [Buffer.from(name), Buffer.from(value)])),
  }
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
