import type { ConnectionOptions } from 'node:tls'
import { CallError } from 'dure/contract'
import {
  BROKER_NUMBERS,
  createPublishLines,
  networkBroker,
  placeOf,
  type BrokerServer,
  type NetworkBroker,
  type NetworkBrokerWorld,
} from 'dure/messaging/adapter'
import { checkNumbers, WAIT, type Ranges } from 'dure/runtime/internal'
import { openAmqp } from './amqp.ts'
import { RABBITMQ } from './capabilities.ts'
import { explain } from './explain.ts'
import { createGroups } from './groups.ts'
import { openLink } from './link.ts'
import { openLog } from './log.ts'
import { createMoves, offsetAt } from './moving.ts'
import { namesOf } from './names.ts'
import { createQueues } from './queues.ts'
import type { StreamAddress } from './stream-connection.ts'
import { createTopics } from './topics.ts'

export { RABBITMQ } from './capabilities.ts'

export type RabbitmqOptions = {
  /** `amqp://host:port/vhost`, or `amqps://…` for TLS. Default host 127.0.0.1, port 5672 (5671), vhost `/`. */
  readonly url?: string
  /** The port of the plugin `rabbitmq_stream`. Default 5552 (5551 for TLS). */
  readonly streamPort?: number
  /** Who comes to the server. Default what the url says, and else `guest`. */
  readonly credentials?: { readonly username: string; readonly password: string }
  /** TLS as of `node:tls`, for `amqps://`: `ca`, or `cert` and `key` where the server asks who comes. */
  readonly tls?: ConnectionOptions
  /** What the names of streams and queues begin with: systems that share a server have one each. Default `dure`. */
  readonly prefix?: string
  /** Partitions of topics that do not say. As many members of a group can share a topic. Default 8. */
  readonly partitions?: number
  /** Milliseconds without a sign of life after which a member's partitions go to others. Default 6,000. */
  readonly lease?: number
  /** Milliseconds for an answer, and for a connection. Default 5,000. */
  readonly timeout?: number
}

const NUMBERS: Ranges<RabbitmqOptions> = {
  partitions: BROKER_NUMBERS.topic.partitions,
  lease: { ...WAIT, least: 100 },
  timeout: WAIT,
  streamPort: { least: 1, most: 65_535, whole: true },
}

/** Since then a topic of several streams is made by one command. */
const OLDEST = [3, 13]
/** Seconds between signs of life of a connection: with two of them missing it is lost. */
const HEARTBEAT = 5
const MOST_WAITING = 64 * 1024 * 1024

/**
 * Topics on streams and queues on quorum queues of RabbitMQ 3.13 or newer with its plugin `rabbitmq_stream`. Opening rejects with
 * {CallError} UNAVAILABLE, UNAUTHENTICATED or FAILED_PRECONDITION, with what to do.
 * @throws {CallError} INVALID_ARGUMENT for an option that cannot be
 *
 * @example
 * ```ts
 * import { rabbitmqBroker } from '@dure/rabbitmq'
 *
 * const broker = rabbitmqBroker({ url: 'amqp://rabbitmq.internal', prefix: 'shop' }) // `broker` of a system
 * console.log(broker.reach) // → network
 * ```
 */
export function rabbitmqBroker(options: RabbitmqOptions = {}): NetworkBroker {
  checkNumbers('use RabbitMQ', options, NUMBERS)
  const { prefix = 'dure' } = options
  if (!/^[\w.-]{1,32}$/.test(prefix))
    throw new CallError(
      'INVALID_ARGUMENT',
      `Cannot use RabbitMQ with the prefix "${prefix.slice(0, 80)}": give 1 to 32 letters, digits, dots, "-" and "_"`,
    )
  const { amqp, stream } = addressesOf(options)
  const names = namesOf(prefix)
  const place = placeOf(amqp.tls ? 'amqps' : 'amqp', [`${amqp.host}:${amqp.port}`], (what, name) =>
    what === 'group' ? name : names[what](name),
  )
  return networkBroker({ name: 'rabbitmq', title: 'RabbitMQ', place, open: (world) => open(options, { amqp, stream }, world) })
}

type Addresses = { readonly amqp: StreamAddress; readonly stream: StreamAddress }

/** Two ports of one server. What somebody connects with is said nowhere else. */
function addressesOf({ url = 'amqp://127.0.0.1', streamPort, credentials, tls }: RabbitmqOptions): Addresses {
  const found = URL.canParse(url) ? new URL(url) : undefined
  if (found === undefined || !/^amqps?:$/.test(found.protocol) || found.hostname === '')
    throw new CallError('INVALID_ARGUMENT', 'Cannot use RabbitMQ: its "url" is no address; give amqp://host:port/vhost')
  const isSecure = found.protocol === 'amqps:'
  const host = found.hostname.replaceAll(/^\[|\]$/g, '')
  const shared = {
    host,
    username: credentials?.username ?? (decodeURIComponent(found.username) || 'guest'),
    password: credentials?.password ?? (decodeURIComponent(found.password) || 'guest'),
    vhost: decodeURIComponent(found.pathname.slice(1)) || '/',
    tls: isSecure ? { ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }), ...tls } : undefined,
  }
  return {
    amqp: { ...shared, port: Number(found.port || (isSecure ? 5671 : 5672)) },
    stream: { ...shared, port: streamPort ?? (isSecure ? 5551 : 5552) },
  }
}

async function open(options: RabbitmqOptions, addresses: Addresses, world: NetworkBrokerWorld): Promise<BrokerServer> {
  const { prefix = 'dure', partitions = 8, lease = 6_000, timeout = 5_000 } = options
  const { runtime, log: logger } = world
  const where = `${addresses.stream.host}:${addresses.stream.port}`
  const whereQueues = `${addresses.amqp.host}:${addresses.amqp.port}`
  const names = namesOf(prefix)
  const closing: (() => void)[] = []
  const close = (): void => closing.toReversed().forEach((one) => one())
  const shared = { runtime, log: logger, timeout, heartbeat: HEARTBEAT }
  let at = where
  try {
    const link = await openLink({ ...shared, address: addresses.stream })
    closing.push(link.close)
    checkVersion(link.version, where)
    at = whereQueues
    const amqp = await openAmqp({ ...shared, address: addresses.amqp })
    closing.push(amqp.close)
    at = where
    const log = await openLog({ ...shared, link, stream: names.log, lease })
    closing.push(log.close)
    logger.warn(
      'RabbitMQ confirms what is published to a stream before it is on the disk: a power cut of all servers that have it may take the last of it',
      { server: where },
    )
    const topics = createTopics({ link, log, names, runtime, partitions })
    const groups = createGroups({ link, log, topics, runtime, logger, lease })
    closing.push(groups.close)
    const queues = createQueues({ amqp, log, names, runtime, timeout })
    const lines = createPublishLines({
      ...{ server: 'RabbitMQ', most: MOST_WAITING, batch: { count: 1_000, size: 1024 * 1024 } },
      ...{ take: topics.publish, isRefusal: () => false },
    })
    return {
      capabilities: RABBITMQ,
      declareTopic: async (topic, request) => void (await topics.declare(topic, request)),
      ...{ partitions: topics.partitions, retention: topics.retention, publish: lines.publish, browse: topics.browse },
      ...{ declareGroup: groups.declareGroup, subscribe: groups.subscribe, ...createMoves({ link, log, topics, groups }) },
      behind: async (topic, partition, time) => {
        const { end } = await topics.extent(topic, partition)
        const offset = await offsetAt(link, topics.streamOf(topic, partition), Math.max(0, time), end)
        return offset > 0 ? String(offset - 1) : undefined
      },
      isPosition: (position) => /^\d{1,15}$/.test(position),
      ...{ send: queues.send, receive: queues.receive },
      lag: async () => (await Promise.all([groups.lag(), queues.lag()])).flat(),
      explain: (action, error) => explain(action, where, error),
      settle: lines.idle,
      close,
    }
  } catch (error) {
    close()
    throw explain('connect', at, error)
  }
}

function checkVersion(version: string, where: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > OLDEST[0]! || (major === OLDEST[0] && minor >= OLDEST[1]!)) return
  throw new CallError(
    'FAILED_PRECONDITION',
    `Cannot use RabbitMQ at ${where}: it is version ${version}; use ${OLDEST.join('.')} or newer`,
  )
}
