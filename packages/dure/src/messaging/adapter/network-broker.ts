import { CallError } from '../../contract/contract.ts'
import { inTime } from '../../runtime/internal.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { foldRepeats, type Logger } from '../../telemetry/telemetry.ts'
import { STOP_TIMEOUT, subscriptionOf, UNBOUNDED, type BrokerPlace, type Subscription } from '../broker-adapter.ts'
import type { Broker } from '../broker.ts'
import { findByBrowsing } from '../find.ts'
import type { ReceiveOptions } from '../queues.ts'
import type { SubscribeOptions } from '../topics.ts'
import type { BrokerServer } from './broker-server.ts'
import { checkedServer } from './checked-server.ts'
import { shareQueues } from './queue-sharing.ts'

export type NetworkBrokerOptions = {
  /** For health and metrics: `kafka`. */
  readonly name: string
  /** For people: `Kafka`. */
  readonly title: string
  readonly place?: BrokerPlace | undefined
  /** Connects, and refuses a server that cannot keep what the ports promise. */
  readonly open: (world: NetworkBrokerWorld) => Promise<BrokerServer>
}

/** What the broker is made of: the world, and a voice. */
export type NetworkBrokerWorld = { readonly runtime: Runtime; readonly log: Logger }

/** A broker on a server that every process of a system reaches by itself: `broker` of a system. */
export type NetworkBroker = ((world: NetworkBrokerWorld) => Promise<Broker>) & {
  readonly reach: 'network'
  readonly place?: BrokerPlace
}

/**
 * Makes a broker of what a server does: checks what comes in, words what goes wrong, shares queues among receivers, and stops
 * in time.
 *
 * @example
 * ```ts
 * import { networkBroker, placeOf, type BrokerServer } from 'dure/messaging/adapter'
 *
 * const connect = async (url: string): Promise<BrokerServer> => {
 *   throw new Error(`Cannot connect to ${url}`)
 * }
 * const myBroker = (host: string) =>
 *   networkBroker({
 *     ...{ name: 'mine', title: 'My broker', place: placeOf('mine', [host]) },
 *     open: () => connect(`mine://${host}`),
 *   })
 * console.log(myBroker('127.0.0.1:4000').reach) // → network
 * ```
 */
export function networkBroker({ name, title, place, open }: NetworkBrokerOptions): NetworkBroker {
  const start = async ({ runtime, log: given }: NetworkBrokerWorld): Promise<Broker> => {
    const log = foldRepeats(given, runtime)
    return brokerOf(await open({ runtime, log }), { name, title, runtime, log })
  }
  return Object.assign(start, { reach: 'network' as const, ...(place && { place }) })
}

/** The same, of a server that has been opened. */
export function brokerOf(
  server: BrokerServer,
  { name, title, runtime, log }: Pick<NetworkBrokerOptions, 'name' | 'title'> & NetworkBrokerWorld,
): Broker {
  const subscriptions = new Set<Subscription>()
  const checked = checkedServer(server, { title, log })
  const queues = shareQueues(server, runtime)
  let stopping: Promise<void> | undefined

  const running = (action: string): void => {
    if (stopping !== undefined) throw new CallError('UNAVAILABLE', `Cannot ${action}: the ${title} broker has stopped`)
  }
  const subscribed = async (action: string, leave: () => Promise<void>): Promise<Subscription> => {
    const subscription = subscriptionOf(runtime.timers, async () => {
      await leave()
      subscriptions.delete(subscription)
    })
    if (stopping !== undefined) await subscription.stop(UNBOUNDED)
    running(action)
    subscriptions.add(subscription)
    return subscription
  }

  const stop = async (timeout: number): Promise<void> => {
    const left = [...subscriptions].map((one) => one.stop(UNBOUNDED))
    await inTime(runtime.timers, timeout, Promise.allSettled([...left, server.settle?.()]), () =>
      log.warn(`The ${title} broker stopped with messages in hand; they come again`),
    )
    queues.end()
    await server.close()
  }

  /** Each operation as long as the broker runs, and its failures in words: which topic, queue or group it was about. */
  const doing =
    <Args extends readonly unknown[], Result>(
      action: string | ((...args: Args) => string),
      work: (...args: Args) => Promise<Result>,
    ) =>
    async (...args: Args): Promise<Result> => {
      const what = typeof action === 'string' ? action : action(...args)
      running(what)
      try {
        return await work(...args)
      } catch (error) {
        throw server.explain?.(what, error) ?? error
      }
    }

  return {
    name,
    capabilities: server.capabilities,
    declareTopic: doing((topic) => `declare topic "${topic}"`, checked.declareTopic),
    publish: doing('publish', checked.publish),
    declareGroup: doing(({ group }) => `declare group "${group}"`, checked.declareGroup),
    partitions: doing((topic) => `tell the partitions of topic "${topic}"`, checked.partitions),
    subscribe: doing(
      ({ group }: SubscribeOptions) => `subscribe group "${group}"`,
      async (options) => subscribed('subscribe', await checked.subscribe(options)),
    ),
    send: doing('send', checked.send),
    receive: doing(
      ({ queue }: ReceiveOptions) => `receive from queue "${queue}"`,
      async (options) => subscribed('receive', await queues.receive(options)),
    ),
    lag: doing('tell the lag', checked.lag),
    retention: doing((topic) => `tell how long topic "${topic}" keeps messages`, checked.retention),
    seek: doing(({ group, topic }) => `move group "${group}" on topic "${topic}"`, checked.seek),
    forget: doing(({ group }) => `forget group "${group}"`, checked.forget),
    browse: doing(({ topic }) => `browse topic "${topic}"`, checked.browse),
    find: doing(
      'find messages',
      findByBrowsing({ ...checked, capabilities: server.capabilities, title, behind: server.behind }, runtime),
    ),
    stop: ({ timeout = STOP_TIMEOUT } = {}) => (stopping ??= stop(timeout)),
  }
}
