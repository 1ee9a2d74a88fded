import { CallError } from 'dure/contract'
import type { Broker, Capabilities, Subscription } from 'dure/messaging'
import { inTime, placeOf, quietly, STOP_TIMEOUT, subscriptionOf, UNBOUNDED, type BrokerPlace } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { checkNumbers, COUNT, WAIT, type Ranges } from 'dure/runtime/internal'
import { foldRepeats, type Logger } from 'dure/telemetry'
import { openLink, type NatsCredentials, type NatsTls } from './connection.ts'
import { browse } from './browse.ts'
import { createGroups } from './groups.ts'
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

type NatsReach = { readonly reach: 'network'; readonly place: BrokerPlace }

/** What the broker is made of. */
export type NatsWorld = { readonly runtime: Runtime; readonly log: Logger }

const NUMBERS: Ranges<NatsOptions> = {
  replicas: COUNT,
  partitions: { ...COUNT, most: 1_024 },
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
  ...{ log: true, replay: true, browse: true, ordered: true },
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
export function natsBroker(options: NatsOptions = {}): ((world: NatsWorld) => Promise<Broker>) & NatsReach {
  checkNumbers('use NATS', options, NUMBERS)
  const { prefix = 'dure', replicas = 1, partitions = 8, lease = 6_000, ackWait = 30_000, timeout = 5_000 } = options
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(prefix))
    throw new CallError(
      'INVALID_ARGUMENT',
      `Cannot use NATS with the prefix "${prefix.slice(0, 80)}": give 1 to 32 letters, digits, "-" and "_"`,
    )
  const { servers, credentials } = accessOf(options)
  const open = async ({ runtime, log: given }: NatsWorld): Promise<Broker> => {
    const log = foldRepeats(given, runtime)
    const link = await openLink({ servers, credentials, tls: options.tls, timeout, runtime, log })
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
    return brokerOf({ ...{ link, names, runtime, log, streams, lease, ackWait } })
  }
  const { subject } = namesOf(prefix)
  // Each partition has a subject of its own.
  return Object.assign(open, {
    reach: 'network' as const,
    place: placeOf('nats', servers, (what, name) => (what === 'group' ? name : `${subject(what, name)}.*`)),
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

type Parts = Parameters<typeof createGroups>[0] & { readonly ackWait: number }

function brokerOf({ ackWait, ...parts }: Parts): Broker {
  const { link, runtime, log, streams } = parts
  const groups = createGroups(parts)
  const queues = createQueues({ link, runtime, streams, ackWait })
  const topicPublisher = createPublisher({ link, open: (name) => streams.declare(name), forget: streams.forget })
  const queuePublisher = createPublisher({ link, open: queues.open, forget: streams.forget })
  const subscriptions = new Set<Subscription>()
  let stopping: Promise<void> | undefined

  const guarded = async <T>(action: string, work: () => Promise<T>): Promise<T> => {
    if (stopping !== undefined) throw new CallError('UNAVAILABLE', `Cannot ${action}: the connection to NATS has been closed`)
    return link.guard(action, work)
  }
  const subscribed = async (start: () => Promise<() => Promise<void>>): Promise<Subscription> => {
    const leave = await start()
    const subscription = subscriptionOf(runtime.timers, async () => {
      await leave()
      subscriptions.delete(subscription)
    })
    subscriptions.add(subscription)
    return subscription
  }
  const stop = async (timeout: number): Promise<void> => {
    const ended = Promise.all([...subscriptions].map((one) => one.stop(UNBOUNDED)))
    await inTime(runtime.timers, timeout, ended, () => log.warn('NATS was left with messages in hand; they come again'))
    groups.close()
    await link.close()
  }

  return {
    name: 'nats',
    capabilities: NATS,
    declareTopic: (topic, request) => guarded('declare a topic', async () => void (await streams.declare(topic, request))),
    publish: (messages) => guarded('publish', () => topicPublisher.publish(messages)),
    declareGroup: (request) => guarded('declare a group', async () => void (await groups.declare(request))),
    partitions: (topic) => guarded('tell the partitions', async () => (await streams.need(topic)).partitions),
    subscribe: (request) => guarded('subscribe', () => subscribed(() => groups.join(quietly(request)))),
    send: (messages) => guarded('send', () => queuePublisher.publish(messages)),
    receive: (request) => guarded('receive', () => subscribed(() => queues.receive(quietly(request)))),
    lag: () =>
      guarded('tell the lag', async () => {
        const found = await streams.all()
        const each = found.map(({ what, topic }) =>
          what === 'topic' ? groups.lag(topic) : queues.lag(topic).then((one) => [one]),
        )
        return (await Promise.all(each)).flat()
      }),
    retention: (topic) => guarded('tell how long a topic keeps messages', () => streams.retention(topic)),
    seek: (request) => guarded('move a group', () => seek(groups, request)),
    forget: (request) => guarded('forget a group', () => forget(groups, request)),
    browse: (request) => guarded('browse', () => browse(link, streams, request)),
    stop: ({ timeout = STOP_TIMEOUT } = {}) => (stopping ??= stop(timeout)),
  }
}
