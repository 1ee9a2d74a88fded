import type { ConnectionOptions } from 'node:tls'
import type { SASLOptions } from '@platformatic/kafka'
import { CallError } from 'dure/contract'
import {
  BROKER_NUMBERS,
  createLookups,
  networkBroker,
  placeOf,
  type BrokerServer,
  type NetworkBroker,
  type NetworkBrokerWorld,
} from 'dure/messaging/adapter'
import { checkNumbers, COUNT, WAIT, type Ranges } from 'dure/runtime/internal'
import { behind, browse } from './browse.ts'
import { KAFKA } from './capabilities.ts'
import { connectCluster } from './cluster.ts'
import { explain } from './explain.ts'
import { createGroups } from './groups.ts'
import { createNames } from './names.ts'
import { isPosition } from './offsets.ts'
import { createPublishing } from './publishing.ts'
import { openQueue } from './queues.ts'
import { checkBrokers } from './start.ts'
import { subscribeAs } from './subscriptions.ts'
import { createTopics } from './topics.ts'
import type { ReaderWorld } from './world.ts'

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
export function kafkaBroker(options: KafkaOptions): NetworkBroker {
  checkNumbers('use Kafka', options, NUMBERS)
  const reached = { ...options, ...addressesOf(options) }
  const { prefix = '', tls = false } = options
  const names = createNames(prefix)
  return networkBroker({
    ...{ name: 'kafka', title: 'Kafka', open: (world) => open(reached, world) },
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
  { runtime, log }: NetworkBrokerWorld,
): Promise<BrokerServer> {
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
    await checkBrokers(cluster, log, replication)
  } catch (error) {
    await cluster.close()
    throw explain('start', cluster.where, error)
  }
  const closed = new AbortController()
  const names = createNames(prefix)
  const topics = createTopics({ cluster, runtime, log, names, defaults: { partitions, replication, inSync } })
  const groups = createGroups({ cluster, runtime, names, topics })
  const publishing = createPublishing({ cluster, topics, names, pending: options.pending ?? 64 * 1024 * 1024 })
  const queues = createLookups<void>()
  const world: ReaderWorld = {
    ...{ cluster, runtime, timing: { session, heartbeat, wait }, partitionsOf: topics.partitionsOf, closed: closed.signal },
    nameOf: (topic) => names.read(topic)?.name ?? topic,
  }
  /** Work waits for ever, until it is done. */
  const needQueue = (queue: string): Promise<void> =>
    queues.find(queue, async () => {
      await topics.declare(names.queue(queue), { partitions, retention: { ms: Infinity, bytes: Infinity } })
      await groups.declareQueue(queue)
    })

  return {
    capabilities: KAFKA,
    declareTopic: (topic, request) => topics.declare(names.topic(topic), request),
    partitions: (topic) => topics.partitions(names.topic(topic)),
    retention: (topic) => topics.retention(names.topic(topic)),
    publish: (topic, messages) => publishing.publish(names.topic(topic), messages),
    ...{ declareGroup: groups.declare, seek: groups.seek, forget: groups.forget, lag: groups.lag, isPosition },
    subscribe: (request) =>
      subscribeAs(world, { group: names.group(request.group), topics: request.topics.map(names.topic), options: request }),
    browse: (request) => browse(cluster, names.topic(request.topic), request),
    behind: (topic, partition, time) => behind(cluster, names.topic(topic), { partition, time }),
    send: async (queue, messages) => {
      await needQueue(queue)
      await publishing.publish(names.queue(queue), messages)
    },
    receive: async (queue, receivers) => {
      await needQueue(queue)
      return openQueue(world, names.queue(queue), receivers)
    },
    explain: (action, error) => explain(action, cluster.where, error),
    settle: publishing.idle,
    close: async () => {
      closed.abort()
      await cluster.close()
    },
  }
}
