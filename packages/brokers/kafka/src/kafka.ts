import type { ConnectionOptions } from 'node:tls'
import type { SASLOptions } from '@platformatic/kafka'
import { CallError, type Message } from 'dure/contract'
import type { Broker, Subscription } from 'dure/messaging'
import {
  BROKER_NUMBERS,
  checkMessages,
  checkName,
  checkOptions,
  inTime,
  placeOf,
  quietly,
  STOP_TIMEOUT,
  subscriptionOf,
  topicOf,
  UNBOUNDED,
  type BrokerPlace,
} from 'dure/messaging/adapter'
import { checkNumbers, COUNT, WAIT, type Ranges } from 'dure/runtime/internal'
import type { Runtime } from 'dure/runtime'
import { foldRepeats, type Logger } from 'dure/telemetry'
import { browse } from './browse.ts'
import { KAFKA } from './capabilities.ts'
import { connectCluster } from './cluster.ts'
import { createGroups } from './groups.ts'
import { createNames } from './names.ts'
import { createPublishing } from './publishing.ts'
import { openQueue, type Queue } from './queues.ts'
import type { ReaderWorld } from './world.ts'
import { checkBrokers } from './start.ts'
import { subscribeAs } from './subscriptions.ts'
import { createTopics } from './topics.ts'

export { KAFKA } from './capabilities.ts'

export type KafkaOptions = {
  /** Where some of the brokers listen: `host:port`, as a list or with commas between. They tell of the others. */
  readonly brokers?: string | readonly string[]
  /** The same as `kafka://host:port,host:port`; with a user and a password (`kafka://user:password@…`) these log in by SASL PLAIN. */
  readonly url?: string
  /** TLS as of `node:tls`; `true` for the system's authorities. Default none. */
  readonly tls?: boolean | ConnectionOptions
  /** Who this is: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER, each with what it needs; a function gives it when it is needed. */
  readonly sasl?: Pick<SASLOptions, 'mechanism' | 'username' | 'password' | 'token' | 'oauthBearerExtensions'>
  /** What the names of topics and groups begin with at the brokers, so that systems share them. Default nothing. */
  readonly prefix?: string
  /** Partitions of topics that do not say, and of queues. Default 8. */
  readonly partitions?: number
  /** Brokers that keep each topic that is made. Default what they say themselves (`default.replication.factor`). */
  readonly replication?: number
  /** Of those, how many must have a message before it is acknowledged (`min.insync.replicas`). Default what the brokers say. */
  readonly inSync?: number
  /** Milliseconds without a sign of life after which a group goes on without a member. Default 10,000. */
  readonly session?: number
  /** Milliseconds between signs of life; so long it may take until a member hears that others came or went. Default 1,000. */
  readonly heartbeat?: number
  /** Milliseconds that a broker waits for something to come before it says that there is nothing. Default 250. */
  readonly wait?: number
  /** Milliseconds without an answer after which a request counts as lost. Default 30,000. */
  readonly requestTimeout?: number
  /** Milliseconds that connecting may take. Default 5,000. */
  readonly connectTimeout?: number
  /** Times that publishing is tried again while brokers cannot be reached, within about 2 s each. Default 12. */
  readonly publishTries?: number
  /** UTF-16 units of data that may wait to be published. More is refused with RESOURCE_EXHAUSTED. Default 64 Mi. */
  readonly pending?: number
  /** What it calls itself to the brokers. Default `dure`. */
  readonly clientId?: string
}

/** What the broker is made of: the world, and a voice. */
export type KafkaWorld = { readonly runtime: Runtime; readonly log: Logger }

const NUMBERS: Ranges<KafkaOptions> = {
  partitions: BROKER_NUMBERS.topic.partitions!,
  replication: COUNT,
  inSync: COUNT,
  session: WAIT,
  heartbeat: WAIT,
  wait: WAIT,
  requestTimeout: WAIT,
  connectTimeout: WAIT,
  publishTries: COUNT,
  pending: COUNT,
}

type KafkaReach = { readonly reach: 'network'; readonly place: BrokerPlace }

/**
 * Topics and queues on Apache Kafka 3.5 and newer, which every process of a system reaches by itself. Making it rejects with {CallError}
 * UNAVAILABLE, UNAUTHENTICATED or FAILED_PRECONDITION, with what to do.
 * @throws {CallError} INVALID_ARGUMENT for an option that cannot be
 *
 * @example
 * ```ts
 * import { kafkaBroker } from '@dure/kafka'
 *
 * const broker = kafkaBroker({ brokers: 'kafka1:9092,kafka2:9092', replication: 3, inSync: 2 }) // `broker` of a system
 * console.log(typeof broker, broker.reach) // → function network
 * ```
 */
export function kafkaBroker(options: KafkaOptions): ((world: KafkaWorld) => Promise<Broker>) & KafkaReach {
  checkNumbers('use Kafka', options, NUMBERS)
  const reached = { ...options, ...addressesOf(options) }
  const { prefix = '', tls = false } = options
  const names = createNames(prefix)
  return Object.assign(({ runtime, log }: KafkaWorld) => open(reached, runtime, foldRepeats(log, runtime)), {
    reach: 'network' as const,
    place: placeOf(tls === false ? 'kafka' : 'kafka-secure', reached.brokers, (what, name) => names[what](name)),
  })
}

/** Never says what stands there: a password may. */
function addressesOf({ brokers, url, sasl }: KafkaOptions): {
  readonly brokers: readonly string[]
  readonly sasl?: KafkaOptions['sasl']
} {
  const found = /^kafka:\/\/(?:([^:@/]*):([^@/]*)@)?([^@/]*)\/?$/.exec(url ?? '')
  const given =
    url === undefined ? (typeof brokers === 'string' ? brokers.split(',') : (brokers ?? [])) : (found?.[3]?.split(',') ?? [])
  const addresses = given.map((one) => one.trim())
  if (addresses.length === 0 || !addresses.every((one) => /^(\[[\da-f:.]+\]|[^\s:/@]+):\d{1,5}$/i.test(one)))
    throw new CallError(
      'INVALID_ARGUMENT',
      'Cannot use Kafka: its address is wrong; give `brokers` as "host:port,host:port", or `url` as "kafka://user:password@host:port,host:port"',
    )
  const user = found?.[1]
  if (user === undefined || sasl !== undefined) return { brokers: addresses }
  const [username, password] = [user, found![2]!].map(decodeURIComponent) as [string, string]
  return { brokers: addresses, sasl: { mechanism: 'PLAIN', username, password } }
}

async function open(
  options: KafkaOptions & { readonly brokers: readonly string[] },
  runtime: Runtime,
  log: Logger,
): Promise<Broker> {
  const { tls = false, sasl, prefix = '', partitions = 8, replication = -1, inSync, clientId = 'dure' } = options
  const { session = 10_000, heartbeat = 1_000, wait = 250, requestTimeout = 30_000, connectTimeout = 5_000 } = options
  const cluster = connectCluster({
    ...{ runtime, publishTries: options.publishTries ?? 12 },
    base: {
      ...{ clientId, bootstrapBrokers: [...options.brokers], requestTimeout, connectTimeout, autocreateTopics: false },
      ...(tls !== false && { tls: tls === true ? {} : tls }),
      ...(sasl !== undefined && { sasl }),
    },
  })
  try {
    await cluster.explained('start', () => checkBrokers(cluster, log, replication))
  } catch (error) {
    await cluster.close()
    throw error
  }
  const closed = new AbortController()
  const names = createNames(prefix)
  const topics = createTopics({ cluster, runtime, log, names, defaults: { partitions, replication, inSync } })
  const groups = createGroups({ cluster, runtime, log, names, topics })
  const publishing = createPublishing({ cluster, topics, pending: options.pending ?? 64 * 1024 * 1024 })
  const subscriptions = new Set<Subscription>()
  const queues = new Map<string, Queue>()
  const queueTopics = new Map<string, Promise<void>>()
  const world: ReaderWorld = {
    ...{ cluster, runtime, timing: { session, heartbeat, wait }, partitionsOf: topics.partitionsOf, closed: closed.signal },
    nameOf: (topic) => names.read(topic)?.name ?? topic,
  }

  let stopping: Promise<void> | undefined
  const running = <T>(action: string, work: () => Promise<T>): Promise<T> => {
    if (stopping !== undefined) throw new CallError('UNAVAILABLE', `Cannot ${action}: the Kafka broker has stopped here`)
    return cluster.explained(action, work)
  }
  const subscribed = (leave: () => Promise<void>): Subscription => {
    const subscription = subscriptionOf(runtime.timers, async () => {
      await leave()
      subscriptions.delete(subscription)
    })
    subscriptions.add(subscription)
    return subscription
  }
  /** Work waits for ever, until it is done. */
  const needQueue = (queue: string): Promise<void> => {
    const known = queueTopics.get(queue)
    if (known !== undefined) return known
    checkName('queue', queue)
    const made = topics
      .declare(names.queue(queue), { partitions, retention: { ms: Infinity, bytes: Infinity } })
      .then(() => groups.declareQueue(queue))
    queueTopics.set(queue, made)
    made.catch(() => queueTopics.delete(queue))
    return made
  }
  const stop = async (timeout: number): Promise<void> => {
    const ended = Promise.all([...[...subscriptions].map((one) => one.stop(UNBOUNDED)), publishing.idle()])
    await inTime(runtime.timers, timeout, ended, () =>
      log.warn('The Kafka broker stopped with messages in hand; they come again'),
    )
    closed.abort()
    await cluster.close()
  }

  return {
    name: 'kafka',
    capabilities: KAFKA,
    declareTopic: (topic, request) => running('declare a topic', () => topics.declare(names.topic(topic), request)),
    publish: async (messages) =>
      running('publish', async () => {
        checkMessages(messages)
        await publishing.publish(messages, (message) => names.topic(topicOf(message)), 'key')
      }),
    declareGroup: async (request) => running('declare a group', () => groups.declare(request)),
    partitions: async (topic) => running('tell the partitions', () => topics.partitions(names.topic(topic))),
    subscribe: async (given) =>
      running('subscribe', async () => {
        const request = quietly(given)
        checkOptions(`subscribe group "${request.group}"`, request, BROKER_NUMBERS.subscribe)
        await groups.declare(request)
        const kafkaTopics = [...new Set(request.topics)].map(names.topic)
        return subscribed(await subscribeAs(world, { group: names.group(request.group), topics: kafkaTopics, options: request }))
      }),
    send: async (messages) =>
      running('send', async () => {
        checkMessages(messages)
        await Promise.all([...new Set(messages.map(topicOf))].map(needQueue))
        await publishing.publish(messages, (message: Message) => names.queue(topicOf(message)), 'id')
      }),
    receive: async (given) =>
      running('receive', async () => {
        const request = quietly(given)
        checkOptions(`receive from queue "${request.queue}"`, request, BROKER_NUMBERS.receive)
        await needQueue(request.queue)
        const topic = names.queue(request.queue)
        const queue =
          queues.get(request.queue) ?? openQueue(world, { topic, group: topic, empty: () => queues.delete(request.queue) })
        queues.set(request.queue, queue)
        const { leave } = queue.receive(request)
        return subscribed(leave)
      }),
    lag: async () => running('tell the lag', groups.lag),
    retention: async (topic) => running('tell how long a topic keeps messages', () => topics.retention(names.topic(topic))),
    seek: async (request) => running('move a group', () => groups.seek(request)),
    forget: async (request) => running('forget a group', () => groups.forget(request)),
    browse: async (request) =>
      running('browse', async () => {
        const topic = names.topic(request.topic)
        return browse(cluster, topic, await topics.partitions(topic), request)
      }),
    stop: ({ timeout = STOP_TIMEOUT } = {}) => (stopping ??= stop(timeout)),
  }
}
