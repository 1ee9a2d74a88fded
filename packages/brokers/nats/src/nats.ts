import { CallError } from 'dure/contract'
import type { Capabilities } from 'dure/messaging'
import {
  BROKER_NUMBERS,
  networkBroker,
  placeOf,
  type BrokerServer,
  type NetworkBroker,
  type NetworkBrokerWorld,
} from 'dure/messaging/adapter'
import { checkNumbers, COUNT, WAIT, type Ranges } from 'dure/runtime/internal'
import { behind, browse } from './browse.ts'
import { openLink, type LinkOptions, type NatsCredentials, type NatsTls } from './connection.ts'
import { createGroups } from './groups.ts'
import { isPosition } from './intake.ts'
import { forget, seek } from './moving.ts'
import { namesOf } from './names.ts'
import { createPublisher } from './publisher.ts'
import { createQueues } from './queues.ts'
import { openStreams } from './streams.ts'

export type { NatsCredentials, NatsTls } from './connection.ts'

export type NatsOptions = {
  /** `nats://host:port`, of one server or several of a cluster. Default `nats://127.0.0.1:4222`. */
  readonly servers?: string | readonly string[]
  /** Who connects; also as `nats://user:password@host`. */
  readonly credentials?: NatsCredentials
  /** TLS: `true` for the system's authorities, or `ca`, `cert` and `key` (as PEM), or `caFile`, `certFile` and `keyFile`. */
  readonly tls?: NatsTls | true
  /** What the names of streams and subjects begin with. Default `dure`. */
  readonly prefix?: string
  /** Servers of a cluster that keep each message. Default 1. */
  readonly replicas?: 1 | 3 | 5
  /** Partitions of topics that do not say. Default 8. */
  readonly partitions?: number
  /** You know that the server is set to `sync_interval: always`, which it does not tell: the start warns no more. */
  readonly syncsAlways?: boolean
  /** Milliseconds without a sign of life after which a member's partitions go to others. Default 6,000. */
  readonly lease?: number
  /** Milliseconds after which work in the hands of a receiver that has died comes again. Default 30,000. */
  readonly ackWait?: number
  /** Milliseconds that the server may take to answer. Default 5,000. */
  readonly timeout?: number
}

const NUMBERS: Ranges<NatsOptions> = {
  replicas: COUNT,
  partitions: BROKER_NUMBERS.topic.partitions,
  lease: { ...WAIT, least: 100 },
  ackWait: { ...WAIT, least: 100 },
  timeout: WAIT,
}

/**
 * What NATS JetStream can do.
 *
 * @example
 * ```ts
 * import { NATS } from '@dure/nats'
 *
 * console.log(NATS.log, NATS.queues) // → true true
 * ```
 */
export const NATS: Capabilities = {
  ...{ log: true, replay: true, browse: true, age: true, ordered: true },
  ...{ topics: true, queues: true, durable: true },
}

/**
 * Topics and queues on NATS JetStream (2.12 or newer), which every process uses directly. Set `sync_interval: always` and
 * `max_payload: 4MB` at the server; see the guide.
 *
 * Opening rejects with {CallError} UNAVAILABLE, UNAUTHENTICATED or FAILED_PRECONDITION, with what to do.
 * @throws {CallError} INVALID_ARGUMENT for an option that cannot be
 *
 * @example
 * ```ts
 * import { natsBroker } from '@dure/nats'
 *
 * const broker = natsBroker({ servers: 'nats://nats.internal:4222', replicas: 3 }) // `broker` of a system
 * console.log(broker.reach) // → network
 * ```
 */
export function natsBroker(options: NatsOptions = {}): NetworkBroker {
  checkNumbers('use NATS', options, NUMBERS)
  const { prefix = 'dure' } = options
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(prefix))
    throw new CallError(
      'INVALID_ARGUMENT',
      `Cannot use NATS with the prefix "${prefix.slice(0, 80)}": give 1 to 32 letters, digits, "-" and "_"`,
    )
  const access = accessOf(options)
  const { subject } = namesOf(prefix)
  return networkBroker({
    ...{ name: 'nats', title: 'NATS' },
    // Each partition has a subject of its own.
    place: placeOf('nats', access.servers, (what, name) => (what === 'group' ? name : `${subject(what, name)}.*`)),
    open: (world) => open({ ...options, ...access, prefix }, world),
  })
}

/** Servers without what somebody connects with: that is said nowhere else. */
function accessOf({ servers = 'nats://127.0.0.1:4222', credentials }: NatsOptions) {
  let found = credentials
  const addresses = (typeof servers === 'string' ? [servers] : servers).map((text) => {
    let url: URL
    try {
      url = new URL(text.includes('://') ? text : `nats://${text}`)
    } catch {
      throw new CallError('INVALID_ARGUMENT', 'Cannot use NATS: one of "servers" is no address; give nats://host:port')
    }
    const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)]
    if (user !== '') found ??= password === '' ? { token: user } : { user, password }
    return `${url.hostname}:${url.port || '4222'}`
  })
  return { servers: addresses, credentials: found }
}

type Known = NatsOptions & Pick<LinkOptions, 'servers' | 'credentials'> & { readonly prefix: string }

async function open(
  { prefix, servers, credentials, tls, ...options }: Known,
  { runtime, log }: NetworkBrokerWorld,
): Promise<BrokerServer> {
  const { replicas = 1, partitions = 8, lease = 6_000, ackWait = 30_000, timeout = 5_000 } = options
  const link = await openLink({ servers, credentials, tls, timeout, runtime, log })
  const names = namesOf(prefix)
  const streams = await link
    .guard('open the streams of NATS', () => openStreams({ link, names, runtime, replicas, partitions }))
    .catch(async (error: unknown) => {
      await link.close()
      throw error
    })
  if (options.syncsAlways !== true)
    log.warn(
      'NATS does not tell whether a power cut can take what it has acknowledged: set "sync_interval: always" in its "jetstream" block, and "syncsAlways: true" here',
    )
  const groups = createGroups({ link, names, runtime, log, streams, lease })
  const queues = createQueues({ link, runtime, streams, ackWait })
  return {
    capabilities: NATS,
    declareTopic: async (topic, request) => void (await streams.declare(topic, request)),
    partitions: async (topic) => (await streams.find(topic))?.partitions,
    retention: streams.retention,
    publish: createPublisher(link, (name) => streams.declare(name), streams.forget),
    declareGroup: async (request) => void (await groups.declare(request)),
    subscribe: groups.join,
    isPosition,
    seek: (request) => seek(groups, request),
    forget: (request) => forget(groups, request),
    browse: (request) => browse(link, streams, request),
    behind: (topic, partition, time) => behind(link, streams, { topic, partition, time }),
    send: createPublisher(link, queues.open, streams.forget),
    receive: queues.receive,
    lag: async () => {
      const found = await streams.all()
      const each = found.map(({ what, topic }) => (what === 'topic' ? groups.lag(topic) : queues.lag(topic).then((one) => [one])))
      return (await Promise.all(each)).flat()
    },
    explain: link.explain,
    close: async () => {
      groups.close()
      await link.close()
    },
  }
}
