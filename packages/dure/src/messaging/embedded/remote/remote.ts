import { CallError } from '../../../contract/contract.ts'
import { type Runtime } from '../../../runtime/runtime.ts'
import { checkNumbers, inTime, WAIT_OR_NONE } from '../../../runtime/internal.ts'
import { foldRepeats, type Logger } from '../../../telemetry/telemetry.ts'
import { quietly, STOP_TIMEOUT } from '../../broker-adapter.ts'
import type { Broker } from '../../broker.ts'
import { jsonOf, type AskOptions, type BrokerClient, type BrokerRequest } from './contract.ts'
import { EMBEDDED } from '../capabilities.ts'
import { createMembership } from './membership.ts'
import { groupMember, queueMember, type Member } from './member.ts'
import { createPublisher } from './publisher.ts'
import { createPauses, patiently } from './trying.ts'

export { brokerContract } from './contract.ts'
export type { BrokerClient } from './contract.ts'
export { brokerHandlers } from './handlers.ts'

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
  /** A method that needs no session, as the broker's process has it. */
  const there = <Method extends BrokerRequest['method']>(method: Method, action: string): Broker[Method] =>
    (async (...args: readonly unknown[]) => {
      running(action)
      const request = { method, args: jsonOf(args.filter((one) => one !== undefined)) }
      // Moving and forgetting twice is not the same as once.
      const once = method === 'seek' || method === 'forget'
      const { answer } = await (once ? client.request(request) : trying((ask) => client.request(request, ask)))
      return JSON.parse(answer) as unknown
    }) as Broker[Method]
  const retention = there('retention', 'tell how long a topic keeps messages')
  const join = async (make: (number: number) => Member) => membership.add(make(++numbers))

  const stop = async (timeout: number): Promise<void> => {
    const published = Promise.all([publisher.idle(), sender.idle()])
    await Promise.all([membership.stop(timeout), inTime(runtime.timers, timeout, published, () => {})])
    ending.abort()
  }

  return {
    name,
    capabilities: EMBEDDED,
    declareTopic: there('declareTopic', 'declare a topic'),
    publish: async (messages) => {
      running('publish')
      await publisher.add(messages)
    },
    declareGroup: there('declareGroup', 'declare a group'),
    partitions: there('partitions', 'tell the partitions'),
    subscribe: async (request) => {
      running('subscribe')
      return join((number) => groupMember({ number, client, runtime }, quietly(request)))
    },
    send: async (messages) => {
      running('send')
      await sender.add(messages)
    },
    receive: async (request) => {
      running('receive')
      return join((number) => queueMember({ number, client, runtime }, quietly(request)))
    },
    lag: there('lag', 'tell the lag'),
    retention: async (topic) => Number(await retention(topic)),
    seek: there('seek', 'seek'),
    forget: there('forget', 'forget a group'),
    browse: there('browse', 'browse'),
    find: there('find', 'find messages'),
    stop: ({ timeout = STOP_TIMEOUT } = {}) => (stopping ??= stop(timeout)),
  }
}
