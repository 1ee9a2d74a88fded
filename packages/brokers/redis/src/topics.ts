import { CallError, type Message, type Retention } from 'dure/contract'
import type { GroupLag, SubscribeOptions, Subscription, TopicOptions, Topics } from 'dure/messaging'
import { createAlarm } from 'dure/runtime/internal'
import type { Logger } from 'dure/telemetry'
import { isGone } from './errors.ts'
import type { Append } from './appending.ts'
import { keyPart, messageOf, timeOf, type Entry } from './entries.ts'
import { joinGroup, type MembershipWorld } from './membership.ts'
import {
  BROKER_NUMBERS,
  checkMessages,
  checkName,
  checkOptions,
  partitionOf,
  subscriptionOf,
  topicOf,
  UNBOUNDED,
} from 'dure/messaging/adapter'
import { isPosition } from './reader.ts'
import { DECLARE, DECLARE_GROUP, FETCH, FORGET, LAG, LIST, SEEK, TRIM } from './scripts.ts'

type Topic = {
  readonly name: string
  readonly key: string
  readonly partitions: number
  readonly retention: number
  readonly broker: string
}

export type RedisTopics = Omit<Topics, 'name' | 'capabilities' | 'stop'> & { readonly stop: () => Promise<void> }

export type TopicsWorld = MembershipWorld & {
  readonly append: Append
  readonly log: Logger
  readonly prefix: string
  /** Of topics that do not say. */
  readonly partitions: number
  /** Milliseconds between looks for what need not be kept. */
  readonly sweep: number
}

const KEPT: Required<Retention> = { ms: 7 * 86_400_000, bytes: 1024 ** 3 }
const SHOWN_BYTES = 1024 * 1024

export function createTopics(world: TopicsWorld): RedisTopics {
  const { connection, append, runtime, log, prefix, sweep } = world
  const index = `${prefix}:topics`
  const topics = new Map<string, Promise<Topic>>()
  const subscriptions = new Set<Subscription>()
  const keyOf = (name: string): string => `${prefix}:topic:{${keyPart(name)}}`
  const groupKeyOf = ({ key }: Topic, group: string): string => `${key}:group:${group}`

  const topicFrom = (name: string, [partitions, ms, , broker]: readonly (string | null)[]): Topic => ({
    ...{ name, key: keyOf(name), partitions: Number(partitions), retention: Number(ms), broker: String(broker) },
  })

  /** Two who name a topic at once wait for the same answer, so that neither overtakes the other. */
  const keep = (name: string, found: Promise<Topic>): Promise<Topic> => {
    topics.set(name, found)
    found.catch(() => topics.get(name) === found && topics.delete(name))
    return found
  }

  const make = async (name: string, { partitions = world.partitions, retention }: TopicOptions): Promise<Topic> => {
    checkName('topic', name)
    checkOptions(`declare topic "${name}"`, { partitions }, BROKER_NUMBERS.topic)
    checkOptions(`declare topic "${name}" with this retention`, retention ?? {}, BROKER_NUMBERS.retention)
    const action = `declare topic "${name}"`
    await connection.run(action, LIST, [index], [name])
    const { ms, bytes } = { ...KEPT, ...retention }
    const values = [partitions, ms, bytes, retention === undefined ? 0 : 1, runtime.ids.next()]
    return topicFrom(name, await connection.run<string[]>(action, DECLARE, [keyOf(name)], values))
  }
  const declare = (name: string): Promise<Topic> => topics.get(name) ?? keep(name, make(name, {}))

  const find = async (name: string): Promise<Topic | undefined> => {
    const known = topics.get(name)
    if (known !== undefined) return known
    const found = await connection.command<(string | null)[]>(`find topic "${name}"`, [
      'HMGET',
      keyOf(name),
      'partitions',
      'ms',
      'bytes',
      'id',
    ])
    return found[0] === null ? undefined : keep(name, Promise.resolve(topicFrom(name, found)))
  }
  const need = async (name: string): Promise<Topic> => {
    const found = await find(name)
    if (found !== undefined) return found
    throw new CallError('NOT_FOUND', `Cannot find topic "${name}": nobody has declared it or published to it`)
  }
  const all = async (action: string): Promise<readonly Topic[]> => {
    const names = await connection.command<string[]>(action, ['SMEMBERS', index])
    return (await Promise.all(names.map(find))).filter((one) => one !== undefined)
  }

  /** One call after the other: of each key a first part is there. */
  const publishTo = async (name: string, messages: readonly Message[], isAgain = false): Promise<void> => {
    const topic = await declare(name)
    const { key, partitions } = topic
    const suffixOf = (message: Message): string => `:${partitionOf(message.key, partitions)}`
    try {
      await append({ action: `publish to topic "${name}"`, key, partitions, messages, suffixOf })
    } catch (error) {
      if (!isGone(error) || isAgain) throw error
      // The server has lost the topic, or it was made anew with other partitions.
      topics.delete(name)
      await publishTo(name, messages, true)
    }
  }

  const declareGroup: Topics['declareGroup'] = async ({ group, topics: names, from = 'beginning' }) => {
    checkName('group', group)
    for (const name of new Set(names)) {
      const topic = await declare(name)
      await connection.run(
        `declare group "${group}"`,
        DECLARE_GROUP,
        [topic.key],
        [group, from === 'end' ? '$' : '0', topic.partitions],
      )
    }
  }

  const subscribe = async (options: SubscribeOptions): Promise<Subscription> => {
    checkOptions(`subscribe group "${options.group}"`, options, BROKER_NUMBERS.subscribe)
    await declareGroup(options)
    const joined: Awaited<ReturnType<typeof joinGroup>>[] = []
    const leave = async (): Promise<void> => {
      await Promise.all(joined.map((one) => one.leave()))
      subscriptions.delete(subscription)
    }
    const subscription = subscriptionOf(runtime.timers, leave)
    try {
      for (const name of new Set(options.topics)) {
        const topic = await declare(name)
        const again = async (): Promise<void> => {
          topics.delete(name)
          await declareGroup({ ...options, topics: [name], from: 'beginning' })
        }
        const groupKey = groupKeyOf(topic, options.group)
        joined.push(
          await joinGroup(world, { topic: name, key: topic.key, groupKey, broker: topic.broker, options, declare: again }),
        )
      }
    } catch (error) {
      await leave()
      throw error
    }
    subscriptions.add(subscription)
    return subscription
  }

  const refuseWhileRead = (action: string, group: string, { name }: Topic, count: unknown): never => {
    throw new CallError(
      'FAILED_PRECONDITION',
      `Cannot ${action} group "${group}" on topic "${name}": it has ${String(count)} members reading; stop them first`,
    )
  }

  const seek: Topics['seek'] = async ({ group, topic: name, to }) => {
    checkName('group', group)
    const topic = await need(name)
    if (typeof to === 'object' && 'time' in to) checkOptions(`move group "${group}" to a time`, to, BROKER_NUMBERS.time)
    const beyond = (): CallError =>
      new CallError(
        'OUT_OF_RANGE',
        `Cannot move group "${group}" to ${JSON.stringify(to)} of topic "${name}", which has ${topic.partitions} partitions: there is no such position`,
      )
    const isAfter = typeof to === 'object' && 'after' in to
    if (isAfter && (!(to.partition < topic.partitions) || !isPosition(to.after))) throw beyond()
    const [how, value] =
      typeof to === 'string' ? [to, ''] : isAfter ? ['after', to.after] : ['time', String(Math.max(0, Math.ceil(to.time)))]
    const values = [group, how, value, isAfter ? to.partition : '', topic.partitions]
    const [outcome, count] = await connection.run<[string, unknown]>(`move group "${group}"`, SEEK, [topic.key], values)
    if (outcome === 'members') refuseWhileRead('move', group, topic, count)
    if (outcome === 'beyond') throw beyond()
  }

  const forget: Topics['forget'] = async ({ group, topic: only, reason, by = '' }) => {
    const found = only === undefined ? await all('forget a group') : [await need(only)]
    const forgotten: { topic: string; unread: number }[] = []
    for (const topic of found) {
      const values = [group, topic.partitions, 'by', by, 'reason', reason]
      const [outcome, count] = await connection.run<[string, number]>(`forget group "${group}"`, FORGET, [topic.key], values)
      if (outcome === 'members') refuseWhileRead('forget', group, topic, count)
      if (outcome === 'forgotten') forgotten.push({ topic: topic.name, unread: count })
    }
    if (forgotten.length === 0) throw new CallError('NOT_FOUND', `Cannot forget group "${group}": it has no position there`)
    log.info('A group was forgotten', { group, forgotten, by, reason })
    return forgotten
  }

  const browse: Topics['browse'] = async (request) => {
    const { topic: name, partition, after = '0-0', limit } = request
    checkOptions(`browse topic "${name}"`, request, BROKER_NUMBERS.browse)
    const topic = await need(name)
    if (partition >= topic.partitions || !isPosition(after))
      throw new CallError(
        'OUT_OF_RANGE',
        `Cannot browse partition ${partition} of topic "${name}" behind "${after}": there is no such place`,
      )
    const values = [partition, after, '', limit, SHOWN_BYTES, 0]
    const [, , entries] = await connection.run<[Buffer, Buffer, Entry[]]>(`browse topic "${name}"`, FETCH, [topic.key], values, {
      bytes: true,
    })
    return entries.map((entry) => ({
      message: messageOf(name, partition, entry),
      partition,
      position: entry[0].toString(),
    }))
  }

  const lagOf = async ({ name, key, partitions }: Topic): Promise<readonly GroupLag[]> => {
    const found = await connection.run<[string, number, number, string, number, string][]>(
      'tell the lag',
      LAG,
      [key],
      [partitions],
    )
    return found.map(([group, partition, lag, first, members, lost]) => ({
      ...{ group, topic: name, partition, lag, members, lost: Number(lost) },
      since: first === '' ? undefined : timeOf(first),
    }))
  }

  const trim = async (): Promise<void> => {
    for (const { name, key } of await all('throw old messages away')) {
      const losses = await connection.run<(string | number)[]>('throw old messages away', TRIM, [key], [])
      for (let at = 0; at < losses.length; at += 2)
        log.warn(`Retention of topic "${name}" deleted messages that group "${losses[at]}" had not read`, {
          topic: name,
          group: String(losses[at]),
          unread: Number(losses[at + 1]),
        })
    }
  }
  const failed = (error: unknown): void => log.warn('Cannot throw old messages away; trying again later', { error })
  const sweeper = createAlarm({ runtime, work: trim, next: async () => undefined, longest: sweep, failed })

  return {
    declareTopic: async (name, options = {}) => {
      await keep(name, make(name, options))
    },
    publish: async (messages) => {
      checkMessages(messages)
      const copies = messages.map((message) => ({ ...message }))
      const appended = await Promise.allSettled(
        Map.groupBy(copies, topicOf)
          .entries()
          .map(([name, own]) => publishTo(name, own)),
      )
      const failure = appended.find(({ status }) => status === 'rejected')
      if (failure !== undefined) throw (failure as PromiseRejectedResult).reason
    },
    declareGroup,
    partitions: async (name) => (await need(name)).partitions,
    subscribe,
    seek,
    forget,
    browse,
    lag: async () => (await Promise.all((await all('tell the lag')).map(lagOf))).flat(),
    // What is past its time goes with the next look.
    retention: async (name) => ((await find(name))?.retention ?? KEPT.ms) + sweep,
    stop: async () => {
      await Promise.all([sweeper.stop(), ...[...subscriptions].map((one) => one.stop(UNBOUNDED))])
    },
  }
}
