import { CallError } from '../../../contract/contract.ts'
import { type Runtime } from '../../../runtime/runtime.ts'
import { checkNumbers, inTime, WAIT_OR_NONE } from '../../../runtime/internal.ts'
import { foldRepeats, type Logger } from '../../../telemetry/telemetry.ts'
import { quietly, STOP_TIMEOUT } from '../../adapter.ts'
import type { Broker } from '../../broker.ts'
import type { Topics } from '../../topics.ts'
import type { AskOptions, BrokerClient, SeekRequest } from './contract.ts'
import { BROKER_NUMBERS, checkOptions } from '../../limits.ts'
import { EMBEDDED } from '../capabilities.ts'
import { createMembership } from './membership.ts'
import { groupMember, queueMember, type Member } from './member.ts'
import { unpack } from './pack.ts'
import { createPublisher } from './publisher.ts'
import { createPauses, patiently } from './trying.ts'

export { brokerContract } from './contract.ts'
export type { BrokerClient, BrokerContract, BrokerOperations } from './contract.ts'
export { brokerHandlers, type BrokerHandlers, type BrokerHandlersOptions, type ServedBroker } from './handlers.ts'

export type RemoteBrokerOptions = {
  /** A client of `brokerContract` over any transport. */
  readonly client: BrokerClient
  readonly runtime: Runtime
  readonly log: Logger
  /** What the broker's process calls this one in its log. Default 'remote'. */
  readonly name?: string
  /**
   * Milliseconds for which publishing, declaring, joining and asking are tried again while the broker cannot be reached.
   * Members that have joined try for ever. Default 10,000.
   */
  readonly patience?: number
}

/**
 * A broker in another process. What the port promises holds over the death of either: members join again by themselves,
 * and what was in hand comes again. A publish whose answer was lost is made again, so its messages may be there twice
 * with the same id; a consumer's inbox lets one of them through.
 */
export function remoteBroker(options: RemoteBrokerOptions): Broker {
  const {
    client,
    runtime,
    name = 'remote',
    patience = 10_000,
  } = checkNumbers('use a broker elsewhere', options, { patience: WAIT_OR_NONE })
  const log = foldRepeats(options.log, runtime)
  const ending = new AbortController()
  const pauses = createPauses(runtime, ending.signal)
  const membership = createMembership({ client, runtime, log, name, pauses, patience })
  let numbers = 0
  let stopping: Promise<void> | undefined

  const trying = <T>(work: (ask: AskOptions) => Promise<T>): Promise<T> =>
    patiently({ runtime, pauses, patience }, (timeout) => work({ timeout }))
  const publisher = createPublisher({ runtime, send: (messages) => trying((ask) => client.publish({ messages }, ask)) })
  const sender = createPublisher({ runtime, send: (messages) => trying((ask) => client.send({ messages }, ask)) })

  const running = (action: string): void => {
    if (stopping) throw new CallError('UNAVAILABLE', `Cannot ${action}: this client of the broker has stopped`)
  }
  const join = async (make: (number: number) => Member) => membership.add(make(++numbers))

  const stop = async (timeout: number): Promise<void> => {
    const published = Promise.all([publisher.idle(), sender.idle()])
    await Promise.all([membership.stop(timeout), inTime(runtime.timers, timeout, published, () => {})])
    ending.abort()
  }

  return {
    name,
    capabilities: EMBEDDED,
    declareTopic: async (topic, wish) => {
      running('declare a topic')
      await trying((ask) => client.declareTopic({ topic, ...wish }, ask))
    },
    publish: async (messages) => {
      running('publish')
      await publisher.add(messages)
    },
    declareGroup: async ({ group, topics, from }) => {
      running('declare a group')
      await trying((ask) => client.declareGroup({ group, topics: [...topics], from }, ask))
    },
    partitions: async (topic) => {
      running('tell the partitions')
      return (await trying((ask) => client.partitions({ topic }, ask))).count
    },
    subscribe: async (wish) => {
      running('subscribe')
      return join((number) => groupMember({ number, client, runtime }, quietly(wish)))
    },
    send: async (messages) => {
      running('send')
      await sender.add(messages)
    },
    receive: async (wish) => {
      running('receive')
      return join((number) => queueMember({ number, client, runtime }, quietly(wish)))
    },
    lag: async () => {
      running('tell the lag')
      return (await trying((ask) => client.lag({}, ask))).groups
    },
    retention: async (topic) => {
      running('tell how long a topic keeps messages')
      const { ms } = await trying((ask) => client.retention({ topic }, ask))
      return ms < 0 ? Infinity : ms
    },
    seek: async ({ group, topic, to }) => {
      running('seek')
      await client.seek({ group, topic, ...seekTargetOf(to) })
    },
    forget: async (wish) => {
      running('forget a group')
      return (await client.forget(wish)).forgotten
    },
    browse: async (wish) => {
      running('browse')
      checkOptions(`browse topic "${wish.topic}"`, wish, BROKER_NUMBERS.browse)
      const { messages } = await trying((ask) => client.browse(wish, ask))
      return unpack(messages).map(({ message, extra }) => ({ message, partition: wish.partition, position: String(extra) }))
    },
    stop: ({ timeout = STOP_TIMEOUT } = {}) => (stopping ??= stop(timeout)),
  }
}

function seekTargetOf(to: Parameters<Topics['seek']>[0]['to']): Omit<SeekRequest, 'group' | 'topic'> {
  if (typeof to === 'string') return { to }
  return 'time' in to ? { to: 'time', time: to.time } : { to: 'position', ...to }
}
