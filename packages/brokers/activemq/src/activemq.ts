import type { ConnectionOptions } from 'node:tls'
import { CallError } from 'dure/contract'
import type { GroupLag } from 'dure/messaging'
import {
  BROKER_NUMBERS,
  createPublishLines,
  networkBroker,
  partitionOf,
  placeOf,
  publishInKeyOrder,
  type BrokerPlace,
  type BrokerServer,
  type NetworkBroker,
  type NetworkBrokerWorld,
} from 'dure/messaging/adapter'
import { checkNumbers, createAlarm, WAIT, type Ranges } from 'dure/runtime/internal'
import { ACTIVEMQ } from './capabilities.ts'
import { createCatalogue, DEFAULT_RETENTION } from './catalogue.ts'
import { explain, isRefusal } from './errors.ts'
import { createGroups } from './groups.ts'
import { openLine } from './line.ts'
import { encode } from './messages.ts'
import { namesOf, type Names } from './names.ts'
import { createQueues } from './queues.ts'
import { serverOf, type Server } from './server.ts'

export { ACTIVEMQ } from './capabilities.ts'

export type ActiveMqOptions = {
  /** `amqp://host:port`, or `amqps://…` for TLS. Default host 127.0.0.1, port 5672 (5671 for TLS). */
  readonly url: string
  /** Who comes to the server. Default what the url says, else nobody by name. */
  readonly credentials?: { readonly username: string; readonly password: string }
  /** TLS as of `node:tls`, for `amqps://`: `ca`, or `cert` and `key` where the server asks who comes. */
  readonly tls?: ConnectionOptions
  /** What the names of all queues hold: systems that share a server have one each. Default `dure`. */
  readonly prefix?: string
  /** Partitions of topics that do not say. As many members of a group can share a topic. Default 8. */
  readonly partitions?: number
  /** Milliseconds after which others get the partitions of a process that gives no sign of life. Default 5,000. */
  readonly lease?: number
  /** Milliseconds for an answer, and for a connection. Default 5,000. */
  readonly timeout?: number
  /** Milliseconds between looks, on Classic, for what came to groups that were forgotten. Default 60,000. */
  readonly sweep?: number
}

const NUMBERS: Ranges<ActiveMqOptions> = {
  partitions: BROKER_NUMBERS.topic.partitions,
  lease: { ...WAIT, least: 100 },
  timeout: WAIT,
  sweep: WAIT,
}
/** UTF-16 units that may wait to be published, and what goes at once to one topic. */
const PUBLISHING = { most: 64 * 1024 * 1024, batch: { count: 500, size: 4 * 1024 * 1024 } }
/** Milliseconds that a server may keep a message beyond its time: it looks now and then. */
const EXPIRES_WITHIN = 60_000

/**
 * Topics and queues on ActiveMQ Classic 6 or Artemis 2, over AMQP 1.0. Opening rejects with {CallError} UNAVAILABLE,
 * UNAUTHENTICATED or FAILED_PRECONDITION, with what to do.
 * @throws {TypeError} for an option that cannot be
 *
 * @example
 * ```ts
 * import { activeMqBroker } from '@dure/activemq'
 *
 * const broker = activeMqBroker({ url: 'amqp://127.0.0.1:5672', prefix: 'shop' }) // `broker` of a system
 * console.log(broker.reach) // → network
 * ```
 */
export function activeMqBroker(options: ActiveMqOptions): NetworkBroker {
  checkNumbers('make the ActiveMQ broker', options, NUMBERS)
  const { prefix = 'dure' } = options
  if (!/^[A-Za-z\d_-]{1,64}$/.test(prefix))
    throw new TypeError(`Cannot make the ActiveMQ broker: its prefix is "${prefix}"; give 1 to 64 letters, digits and dashes`)
  const names = namesOf(prefix)
  const place = placeFrom(options.url, names)
  const start = (world: NetworkBrokerWorld): Promise<BrokerServer> => open({ ...options, prefix }, names, world)
  return networkBroker({ name: 'activemq', title: 'ActiveMQ', ...(place && { place }), open: start })
}

async function open(
  options: ActiveMqOptions & { readonly prefix: string },
  names: Names,
  { runtime, log }: NetworkBrokerWorld,
): Promise<BrokerServer> {
  const { prefix, partitions = 8, lease = 5_000, timeout = 5_000, sweep = 60_000 } = options
  const address = { ...options, timeout }
  const line = await openLine(address, { runtime, log })
  const sending = await openLine(address, { runtime, log }).catch(async (error: unknown) => {
    await line.close()
    throw error
  })
  const close = async (): Promise<void> => void (await Promise.all([line.close(), sending.close()]))
  const server = await serverOf(line, runtime, prefix).catch(async (error: unknown) => {
    await close()
    throw explain('use the server', line.where, error)
  })
  const catalogue = createCatalogue({ line, sending, server, names, runtime, partitions })
  const groups = createGroups({
    ...{ line, sending, server, names, catalogue, runtime, log, lease, budget: { left: 64 * 1024 * 1024 } },
  })
  const lines = createPublishLines({
    ...{ server: 'ActiveMQ', ...PUBLISHING, isRefusal },
    take: async (name, messages) => {
      const { partitions: count, retention } = await catalogue.declare(name)
      const wire = await sending.wire()
      const ttl = retention === Infinity ? undefined : retention
      await publishInKeyOrder(messages, async (message) => {
        const outlet = await wire.outlet(server.topicTarget(names.address(name, partitionOf(message.key, count))))
        await outlet.send(encode(message, ttl))
      })
    },
  })
  const failed = (error: unknown): void => log.warn('What came to groups that were forgotten could not be thrown away', { error })
  const sweeper =
    server.remove === undefined
      ? createAlarm({ runtime, work: groups.sweep, next: async () => undefined, longest: sweep, failed })
      : undefined
  const cannot = (what: string): never => {
    throw new CallError('UNIMPLEMENTED', `Cannot ${what}: ActiveMQ keeps no log of what was published`)
  }
  return {
    capabilities: ACTIVEMQ,
    ...groups,
    ...createQueues({ sending, line, server, names, runtime }),
    declareTopic: async (name, given) => void (await catalogue.declare(name, given)),
    partitions: async (name) => (await catalogue.find(name))?.partitions,
    retention: async (name) => ((await catalogue.find(name))?.retention ?? DEFAULT_RETENTION.ms) + EXPIRES_WITHIN,
    publish: lines.publish,
    isPosition: () => true,
    seek: async () => cannot('move a group'),
    browse: async () => cannot('browse'),
    lag: () => lagOf(server, names),
    explain: (action, error) => explain(action, line.where, error),
    settle: async () => {
      await Promise.all([lines.idle(), sweeper?.stop()])
    },
    close: async () => {
      groups.close()
      await close()
    },
  }
}

/** As the server counts. */
async function lagOf(server: Server, names: Names): Promise<readonly GroupLag[]> {
  const stats = await server.stats()
  return [...stats].flatMap(([name, { size: lag, consumers, since }]): readonly GroupLag[] => {
    const queue = names.queueFrom(name)
    if (queue !== undefined) return [{ group: 'queue', topic: queue, partition: 0, lag, members: consumers, since }]
    const found = names.groupQueueFrom(name)
    // Without its record, a group was forgotten.
    if (found === undefined || (stats.get(names.record(found.group, found.topic))?.size ?? 0) === 0) return []
    return [{ ...found, lag, since, members: stats.get(names.members(found.group, found.topic))?.consumers ?? 0 }]
  })
}

/** Of a url that cannot be read it is told when the broker is opened. */
function placeFrom(url: string, names: Names): BrokerPlace | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, hostname, port } = new URL(url)
  const host = `${hostname || '127.0.0.1'}:${port || (protocol === 'amqps:' ? '5671' : '5672')}`
  return placeOf(protocol.slice(0, -1), [host], (what, name) => {
    if (what === 'queue') return names.queue(name)
    return what === 'group' ? name : `${names.address(name, 0).slice(0, -1)}{partition}`
  })
}
