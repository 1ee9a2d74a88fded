import { CallError } from 'dure/contract'
import type { SubscribeOptions, Subscription, Topics } from 'dure/messaging'
import { BROKER_NUMBERS, checkName, checkOptions, subscriptionOf, UNBOUNDED } from 'dure/messaging/adapter'
import type { Logger } from 'dure/telemetry'
import type { Catalogue, Topic } from './catalogue.ts'
import { joinGroup, type Membership, type MembershipWorld } from './membership.ts'
import { isPosition } from './reader.ts'
import { DECLARE_GROUP, FORGET, SEEK } from './scripts.ts'

/** Consumer groups: made, joined, moved, forgotten. */
export type Groups = Pick<Topics, 'declareGroup' | 'subscribe' | 'seek' | 'forget'> & { readonly stop: () => Promise<void> }

export function createGroups(world: MembershipWorld & { readonly log: Logger; readonly catalogue: Catalogue }): Groups {
  const { connection, catalogue, runtime, log } = world
  const subscriptions = new Set<Subscription>()

  const declareGroup: Topics['declareGroup'] = async ({ group, topics: names, from = 'beginning' }) => {
    checkName('group', group)
    for (const name of new Set(names)) {
      const topic = await catalogue.declare(name)
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
    const joined: Membership[] = []
    const leave = async (): Promise<void> => {
      await Promise.all(joined.map((one) => one.leave()))
      subscriptions.delete(subscription)
    }
    const subscription = subscriptionOf(runtime.timers, leave)
    try {
      for (const name of new Set(options.topics)) {
        const topic = await catalogue.declare(name)
        const again = async (): Promise<void> => {
          catalogue.forget(name)
          await declareGroup({ ...options, topics: [name], from: 'beginning' })
        }
        const { key, identity } = topic
        const groupKey = `${key}:group:${options.group}`
        joined.push(await joinGroup(world, { topic: name, key, groupKey, identity, options, declare: again }))
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
    const topic = await catalogue.need(name)
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
    const found = only === undefined ? await catalogue.all('forget a group') : [await catalogue.need(only)]
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

  return {
    ...{ declareGroup, subscribe, seek, forget },
    stop: async () => void (await Promise.all([...subscriptions].map((one) => one.stop(UNBOUNDED)))),
  }
}
