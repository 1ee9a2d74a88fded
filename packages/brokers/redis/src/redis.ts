import type { ConnectionOptions } from 'node:tls'
import { CallError } from 'dure/contract'
import type { Broker, Reach, Capabilities } from 'dure/messaging'
import type { Runtime } from 'dure/runtime'
import { checkNumbers, WAIT, type Ranges } from 'dure/runtime/internal'
import { foldRepeats, type Logger } from 'dure/telemetry'
import { createAppend } from './appending.ts'
import { createCatalogue } from './catalogue.ts'
import { connect } from './connection.ts'
import { BROKER_NUMBERS, inTime, placeOf, quietly, STOP_TIMEOUT, type BrokerPlace } from 'dure/messaging/adapter'
import { createGroups } from './groups.ts'
import { createQueues } from './queues.ts'
import { checkServer } from './server-check.ts'
import { createTopics } from './topics.ts'
import { keyPart } from './entries.ts'
import { createWakeUps } from './wake-ups.ts'

export type RedisOptions = {
  /** `redis://host:port/database`, or `rediss://…` for TLS. Default host 127.0.0.1, port 6379, database 0. */
  readonly url: string
  /** Who comes to the server. Default what the url says. */
  readonly credentials?: { readonly username?: string; readonly password: string }
  /** TLS as of `node:tls`, for `rediss://`: `ca`, or `cert` and `key` where the server asks who comes. */
  readonly tls?: ConnectionOptions
  /** What all keys begin with: systems that share a server have one each. Default `dure`. */
  readonly prefix?: string
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
export function redisBroker(
  options: RedisOptions,
): ((world: { readonly runtime: Runtime; readonly log: Logger }) => Promise<Broker>) & Reach & { readonly reach: 'network' } {
  checkNumbers('make the Redis broker', options, NUMBERS)
  const { prefix = 'dure', partitions = 8, lease = 5_000, timeout = 5_000, sweep = 60_000 } = options
  if (!/^[\w.-]{1,64}$/.test(prefix))
    throw new TypeError(`Cannot make the Redis broker: its prefix is "${prefix}"; give 1 to 64 letters, digits, dots and dashes`)

  const open = async ({ runtime, log: given }: { readonly runtime: Runtime; readonly log: Logger }): Promise<Broker> => {
    const log = foldRepeats(given, runtime)
    const address = { ...options, timeout }
    const connection = await connect(address, { runtime, log })
    let durable: boolean
    try {
      ;({ durable } = await checkServer(connection, log))
    } catch (error) {
      connection.close()
      throw error
    }
    const waiting = await connect(address, { runtime, log }).catch((error: unknown) => {
      connection.close()
      throw error
    })
    const wakeUps = createWakeUps({ waiting, asking: connection, runtime })
    const world = {
      connection,
      append: createAppend(connection),
      wakeUps,
      runtime,
      log,
      prefix,
      lease,
      budget: { left: 64 * 1024 * 1024 },
    }
    const catalogue = createCatalogue({ connection, runtime, prefix, partitions })
    const topics = createTopics({ ...world, catalogue, sweep })
    const groups = createGroups({ ...world, catalogue })
    const queues = createQueues(world)
    let stopping: Promise<void> | undefined
    const stop = async (within: number): Promise<void> => {
      const ended = Promise.all([topics.stop(), groups.stop(), queues.stop()])
      await inTime(runtime.timers, within, ended, () =>
        log.warn('The Redis broker stopped with messages in hand; they come again'),
      )
      wakeUps.stop()
      waiting.close()
      connection.close()
    }
    const running =
      <Args extends readonly unknown[], Result>(action: string, work: (...args: Args) => Promise<Result>) =>
      async (...args: Args): Promise<Result> => {
        if (stopping !== undefined) throw new CallError('UNAVAILABLE', `Cannot ${action}: the Redis broker has stopped`)
        return work(...args)
      }
    return {
      name: 'redis',
      capabilities: { ...REDIS, durable },
      declareTopic: running('declare a topic', topics.declareTopic),
      publish: running('publish', topics.publish),
      declareGroup: running('declare a group', groups.declareGroup),
      partitions: running('tell the partitions', topics.partitions),
      subscribe: running('subscribe', (request) => groups.subscribe(quietly(request))),
      retention: running('tell how long a topic keeps messages', topics.retention),
      seek: running('seek', groups.seek),
      forget: running('forget a group', groups.forget),
      browse: running('browse', topics.browse),
      send: running('send', queues.send),
      receive: running('receive', (request) => queues.receive(quietly(request))),
      lag: running('tell the lag', async () => (await Promise.all([topics.lag(), queues.lag()])).flat()),
      stop: ({ timeout: within = STOP_TIMEOUT } = {}) => (stopping ??= stop(within)),
    }
  }
  return Object.assign(open, { reach: 'network' as const, ...placeFrom(options.url, prefix) })
}

/** Of a url that cannot be read it is told when the broker is opened. */
function placeFrom(url: string, prefix: string): { readonly place?: BrokerPlace } {
  if (!URL.canParse(url)) return {}
  const { protocol, hostname, port } = new URL(url)
  const host = `${hostname || '127.0.0.1'}:${port || '6379'}`
  return { place: placeOf(protocol.slice(0, -1), [host], (what, name) => `${prefix}:${what}:{${keyPart(name)}}`) }
}
