import type { Message } from 'dure/contract'
import type { Delivery, TopicOptions } from 'dure/messaging'
import {
  createLookups,
  decodeMessage,
  encodeMessage,
  partitionOf,
  readAmqpMessage,
  writeAmqpMessage,
  type BrokerServer,
} from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Chunk } from './chunks.ts'
import type { Link } from './link.ts'
import type { Log } from './log.ts'
import type { Names } from './names.ts'
import { extentOf, makeTopic, partitionsOf } from './server.ts'
import type { TopicState } from './state.ts'

/** Topics at the server: a stream for each partition. */
export type RabbitTopics = {
  readonly declare: (topic: string, options?: TopicOptions) => Promise<TopicState>
  readonly partitions: (topic: string) => Promise<number | undefined>
  readonly retention: (topic: string) => Promise<number>
  readonly publish: (topic: string, messages: readonly Message[]) => Promise<void>
  readonly browse: (options: Parameters<BrokerServer['browse']>[0]) => Promise<readonly Delivery[]>
  readonly streamOf: (topic: string, partition: number) => string
  readonly extent: (topic: string, partition: number) => Promise<{ readonly first: number; readonly end: number }>
  /** Before that (milliseconds since the epoch, by the server's clock) nothing is handed over. */
  readonly oldest: (topic: string) => number
}

const DAY = 86_400_000
const RETENTION = { ms: 7 * DAY, bytes: 1024 ** 3 }
/** Milliseconds by which the clocks of a cluster's servers may differ. */
const SLACK = 60_000
const SHOWN_BYTES = 1024 * 1024
const MEGABYTE = 1024 * 1024

export function createTopics(options: {
  readonly link: Link
  readonly log: Log
  readonly names: Names
  readonly runtime: Runtime
  /** Of topics that do not say. */
  readonly partitions: number
}): RabbitTopics {
  const { link, log, names, runtime } = options
  const known = createLookups<TopicState>()

  const streamOf = (topic: string, partition: number): string => `${names.topic(topic)}-${partition}`

  const declare = async (
    topic: string,
    { partitions = options.partitions, retention }: TopicOptions = {},
  ): Promise<TopicState> => {
    const before = log.state().topics.get(topic)
    const settings = { ...(before?.retention ?? RETENTION), ...retention }
    const name = names.topic(topic)
    await makeTopic(link, name, partitions, settingsOf(settings, partitions))
    const there = (await partitionsOf(link, name)) ?? partitions
    const state = { partitions: there, retention: settings }
    if (JSON.stringify(before) !== JSON.stringify(state)) await log.write({ do: 'topic', topic, state })
    return state
  }
  const declared: RabbitTopics['declare'] = (topic, given) =>
    given?.retention === undefined ? known.find(topic, () => declare(topic, given)) : known.keep(topic, declare(topic, given))

  const publish: RabbitTopics['publish'] = async (topic, messages) => {
    const { partitions } = await declared(topic)
    const given = Map.groupBy(messages, ({ key }) => partitionOf(key, partitions))
      .entries()
      .map(([partition, own]) => link.append(streamOf(topic, partition), own.map(bytesOf)))
    const failed = (await Promise.allSettled(given)).find(({ status }) => status === 'rejected')
    if (failed === undefined) return
    // It may have been deleted: it is looked for again when it is named next.
    known.forget(topic)
    throw (failed as PromiseRejectedResult).reason
  }

  const browse: RabbitTopics['browse'] = async ({ topic, partition, after, limit }) => {
    const stream = streamOf(topic, partition)
    const { first, end } = await extentOf(link, runtime.timers, stream)
    const from = Math.max(first, after === undefined ? 0 : Number(after) + 1)
    if (from >= end) return []
    const found: Delivery[] = []
    let size = 0
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const reading = await link.read({
      ...{ stream, start: { offset: from }, credit: 1, ended: (why) => reject(new Error(why)) },
      came: (chunk, { more }) => {
        for (const delivery of deliveriesOf(topic, partition, chunk)) {
          size += delivery.message.data.length
          if (Number(delivery.position) < from) size = 0
          else if (found.length < limit && (found.length === 0 || size <= SHOWN_BYTES)) found.push(delivery)
          else return resolve()
        }
        if (chunk.end >= end || found.length >= limit) resolve()
        else more(1)
      },
    })
    const unlisten = link.onReconnect(() => reject(new Error('the connection is lost')))
    try {
      await promise
      return found
    } finally {
      unlisten()
      reading.end()
    }
  }

  return {
    declare: declared,
    ...{ publish, browse, streamOf },
    partitions: async (topic) => {
      const there = await partitionsOf(link, names.topic(topic))
      if (there !== undefined && !log.state().topics.has(topic)) await declared(topic)
      return there
    },
    retention: async (topic) => ((await log.sync()).topics.get(topic)?.retention ?? RETENTION).ms + SLACK,
    extent: (topic, partition) => extentOf(link, runtime.timers, streamOf(topic, partition)),
    oldest: (topic) => log.now() - (log.state().topics.get(topic)?.retention ?? RETENTION).ms,
  }
}

/** What a stream keeps: the server throws away whole segments, at least one of which it is writing. */
function settingsOf({ ms, bytes }: TopicState['retention'], partitions: number): Readonly<Record<string, string>> {
  const share = Math.max(MEGABYTE, Math.ceil(bytes / partitions))
  return {
    ...(ms === Infinity ? {} : { 'max-age': `${Math.max(1, Math.ceil(ms / 1_000))}s` }),
    ...(bytes === Infinity ? {} : { 'max-length-bytes': String(share) }),
    'stream-max-segment-size-bytes': String(Math.min(50 * MEGABYTE, Math.max(MEGABYTE, Math.ceil(share / 4)))),
  }
}

function bytesOf(message: Message): Buffer {
  const { headers, contentType, data } = encodeMessage('amqp', message)
  return writeAmqpMessage(headers, contentType, data)
}

/** Whatever is in a chunk becomes messages; what cannot be read becomes one that consumers set aside. */
export function deliveriesOf(topic: string, partition: number, { first, time, messages }: Chunk): readonly Delivery[] {
  return messages.map((bytes, at) => {
    const position = String(first + at)
    const place = { topic, partition, position, time }
    return { message: messageOf(place, bytes), partition, position }
  })
}

type Place = { readonly topic: string; readonly partition: number; readonly position: string; readonly time: number }

function messageOf(place: Place, bytes: Buffer | string): Message {
  const unreadable = (data: Buffer | null, wrong: string): Message =>
    decodeMessage('amqp', { ...place, headers: [], data, wrong })
  if (typeof bytes === 'string') return unreadable(null, bytes)
  try {
    return decodeMessage('amqp', { ...place, ...readAmqpMessage(bytes) })
  } catch (error) {
    return unreadable(bytes, (error as Error).message)
  }
}
