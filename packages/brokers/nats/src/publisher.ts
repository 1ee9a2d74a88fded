import { JetStreamApiError } from '@nats-io/jetstream'
import { errors, nuid } from '@nats-io/nats-core'
import { CallError, type Message } from 'dure/contract'
import { createPublishLines, partitionOf, publishInKeyOrder } from 'dure/messaging/adapter'
import { acknowledged, type Link } from './connection.ts'
import { outgoing, withHeaders, type Outgoing } from './messages.ts'
import type { Topic } from './streams.ts'

/** So many messages, and UTF-16 units of their data, go as one batch at most: the server takes 1000. */
const BATCH = { count: 1_000, size: 4 * 1024 * 1024 }
/** From so many on one batch, written to the disk as one, is faster than each by itself. */
const FEW = 32
/** UTF-16 units of data that may wait for the server. */
const MOST_WAITING = 64 * 1024 * 1024

/**
 * Publishes to the stream of a topic. The server takes a batch as a whole or not at all, with one write to its disk; a few messages
 * go by themselves, each when the one of its key before it was taken. So a list that fails leaves of each key a first part.
 */
export function createPublisher(
  link: Link,
  open: (name: string) => Promise<Topic>,
  forget: (topic: Topic) => void,
): (name: string, messages: readonly Message[]) => Promise<void> {
  const publishOne = async ({ subject, data, ...one }: Outgoing): Promise<void> =>
    void acknowledged(await link.ask(subject, data, withHeaders({ subject, data, ...one })))

  const publishBatch = async (batch: readonly Outgoing[]): Promise<void> => {
    const id = nuid.next()
    const headersAt = (at: number, commit = ''): string => `Nats-Batch-Id: ${id}\r\nNats-Batch-Sequence: ${at + 1}\r\n${commit}`
    const last = batch.length - 1
    // In one turn: they go out together, and nothing comes between.
    for (let at = 0; at < last; at++) {
      const one = batch[at]!
      link.nc.publish(one.subject, one.data, { headers: withHeaders(one, headersAt(at)) as never })
    }
    const one = batch[last]!
    acknowledged(await link.ask(one.subject, one.data, withHeaders(one, headersAt(last, 'Nats-Batch-Commit: 1\r\n'))))
  }

  const inKeyOrder = async (topic: Topic, batch: readonly Outgoing[]): Promise<void> => {
    const byMessage = new Map(batch.map((one) => [one.message, one]))
    await publishInKeyOrder(
      batch.map(({ message }) => message),
      (message) => link.guard(`publish to topic "${topic.name}"`, () => publishOne(byMessage.get(message)!)),
    )
  }

  const publish = async (topic: Topic, batch: readonly Outgoing[]): Promise<void> => {
    if (batch.length <= FEW) return inKeyOrder(topic, batch)
    await publishBatch(batch).catch((error: unknown) => {
      // Each by itself, it is known which one was refused; and where too many publish at once, there is room for that.
      if (error instanceof JetStreamApiError) return inKeyOrder(topic, batch)
      throw error
    })
  }

  const take = async (name: string, messages: readonly Message[]): Promise<void> => {
    const topic = await open(name)
    const { subject, partitions } = topic
    const batch = messages.map((message) => outgoing(message, `${subject}.${partitionOf(message.key, partitions)}`))
    try {
      await publish(topic, batch)
    } catch (error) {
      if (isMissing(error)) forget(topic)
      throw error
    }
  }
  return createPublishLines({ server: 'NATS', most: MOST_WAITING, batch: BATCH, take, isRefusal }).publish
}

function isRefusal(error: unknown): boolean {
  return error instanceof JetStreamApiError || (error instanceof CallError && error.code !== 'UNAVAILABLE')
}

function isMissing(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) if (one instanceof errors.NoRespondersError) return true
  return false
}
