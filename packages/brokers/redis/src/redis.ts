import type { Capabilities } from 'dure/messaging'
import {
  networkBroker,
  BROKER_NUMBERS,
  placeOf,
  type BrokerPlace,
  type BrokerServer,
  type NetworkBroker,
  type NetworkBrokerWorld,
} from 'dure/messaging/adapter'
import { checkNumbers, WAIT, type Ranges } from 'dure/runtime/internal'
import { createAppend } from './appending.ts'
import { createCatalogue } from './catalogue.ts'
import { connect, type RedisServer } from './connection.ts'
import { keyPart } from './entries.ts'
import { createGroups } from './groups.ts'
import { createQueues } from './queues.ts'
import { checkServer } from './server-check.ts'
import { createTopics } from './topics.ts'
import { createWakeUps } from './wake-ups.ts'

export type { RedisServer } from './connection.ts'
export { redisSessions, type RedisSessionsOptions } from './sessions.ts'
export { redisRateLimit, type RedisRateLimit, type RedisRateLimitOptions } from './rate-limit.ts'

export type RedisOptions = RedisServer & {
  /** `redis://host:port/database`, or `rediss://…` for TLS. Default host 127.0.0.1, port 6379, database 0. */
  readonly url: string
  /** Partitions of topics that do not say. As many members of a group can share a topic. Default 8. */
  readonly partitions?: number
  /** Milliseconds after which others get what a member (or receiver) has that gives no sign of life. Default 5,000. */
  readonly lease?: number
  /** Milliseconds for an answer, and for a connection. Default 5,000. */
  readonly timeout?: number
  /** Milliseconds between looks for messages that need not be kept. Default 60,000. */
  readonly sweep?: number
}

const NUMBERS: Ranges<RedisOptions> = {
  partitions: BROKER_NUMBERS.topic.partitions,
  lease: { ...WAIT, least: 100 },
  timeout: WAIT,
  sweep: WAIT,
}

/** What Redis can do for topics and queues. */
export const REDIS: Capabilities = {
  log: true,
  replay: true,
  browse: true,
  age: true,
  ordered: true,
  topics: true,
  queues: true,
  durable: true,
}

/**
 * Topics and queues on Redis 7 or newer, or Valkey: one server with or without replicas, no cluster. Opening rejects with
 * {CallError} UNAVAILABLE, UNAUTHENTICATED or FAILED_PRECONDITION, with what to do.
 * @throws {TypeError} for an option that cannot be
 *
 * @example
 * ```ts
 * import { redisBroker } from '@dure/redis'
 *
 * const broker = redisBroker({ url: 'redis://127.0.0.1:6379', prefix: 'shop' }) // `broker` of a system
 * console.log(broker.reach) // → network
 * ```
 */
export function redisBroker(options: RedisOptions): NetworkBroker {
  checkNumbers('make the Redis broker', options, NUMBERS)
  const { prefix = 'dure' } = options
  if (!/^[\w.-]{1,64}$/.test(prefix))
    throw new TypeError(`Cannot make the Redis broker: its prefix is "${prefix}"; give 1 to 64 letters, digits, dots and dashes`)
  const place = placeFrom(options.url, prefix)
  return networkBroker({ name: 'redis', title: 'Redis', place, open: (world) => open({ ...options, prefix }, world) })
}

async function open(
  options: RedisOptions & { readonly prefix: string },
  { runtime, log }: NetworkBrokerWorld,
): Promise<BrokerServer> {
  const { prefix, partitions = 8, lease = 5_000, timeout = 5_000, sweep = 60_000 } = options
  const address = { ...options, timeout }
  const connection = await connect(address, { runtime, log })
  const { durable, waiting } = await checkServer(connection, log)
    .then(async (found) => ({ ...found, waiting: await connect(address, { runtime, log }) }))
    .catch((error: unknown) => {
      connection.close()
      throw error
    })
  const wakeUps = createWakeUps({ waiting, asking: connection, runtime })
  const catalogue = createCatalogue({ connection, runtime, prefix, partitions })
  const world = {
    ...{ connection, append: createAppend(connection), catalogue, wakeUps, runtime, log, prefix, lease, sweep },
    budget: { left: 64 * 1024 * 1024 },
  }
  const { stop, ...topics } = createTopics(world)
  const queues = createQueues(world)
  return {
    ...{ capabilities: { ...REDIS, durable }, ...topics, ...createGroups(world), ...queues },
    lag: async () => (await Promise.all([topics.lag(), queues.lag()])).flat(),
    settle: stop,
    close: () => {
      wakeUps.stop()
      waiting.close()
      connection.close()
    },
  }
}

/** Of a url that cannot be read it is told when the broker is opened. */
function placeFrom(url: string, prefix: string): BrokerPlace | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, hostname, port } = new URL(url)
  const host = `${hostname || '127.0.0.1'}:${port || '6379'}`
  return placeOf(protocol.slice(0, -1), [host], (what, name) => `${prefix}:${what}:{${keyPart(name)}}`)
}
