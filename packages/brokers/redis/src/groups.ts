import type { SubscribeOptions } from 'dure/messaging'
import type { BrokerServer } from 'dure/messaging/adapter'
import type { Catalogue } from './catalogue.ts'
import { joinGroup, type Membership, type MembershipWorld } from './membership.ts'
import { isPosition } from './reader.ts'
import { DECLARE_GROUP, FORGET, SEEK } from './scripts/groups.ts'

/** Consumer groups: made, joined, moved, forgotten. */
export type Groups = Pick<BrokerServer, 'declareGroup' | 'subscribe' | 'seek' | 'forget' | 'isPosition'>

export function createGroups(world: MembershipWorld & { readonly catalogue: Catalogue }): Groups {
  const { connection, catalogue } = world

  const declareGroup: Groups['declareGroup'] = async ({ group, topics, from }) => {
    for (const name of topics) {
      const { key, partitions } = await catalogue.declare(name)
      await connection.run(`declare group "${group}"`, DECLARE_GROUP, [key], [group, from === 'end' ? '$' : '0', partitions])
    }
  }

  const join = async (options: SubscribeOptions, name: string): Promise<Membership> => {
    const { key, identity } = await catalogue.declare(name)
    const declare = async (): Promise<void> => {
      catalogue.forget(name)
      await declareGroup({ group: options.group, topics: [name], from: 'beginning' })
    }
    return joinGroup(world, { topic: name, key, groupKey: `${key}:group:${options.group}`, identity, options, declare })
  }

  const subscribe: Groups['subscribe'] = async (options) => {
    const joined: Membership[] = []
    const leave = async (): Promise<void> => void (await Promise.all(joined.map((one) => one.leave())))
    try {
      for (const name of options.topics) joined.push(await join(options, name))
    } catch (error) {
      await leave()
      throw error
    }
    return leave
  }

  const seek: Groups['seek'] = async ({ group, topic: name, to }) => {
    const { key, partitions } = await catalogue.declare(name)
    const [how, value, partition] =
      typeof to === 'string'
        ? [to, '', '']
        : 'time' in to
          ? ['time', String(to.time), '']
          : (['after', to.after, to.partition] as const)
    const values = [group, how, value, partition, partitions]
    const [outcome] = await connection.run<['moved' | 'members' | 'beyond']>(`move group "${group}"`, SEEK, [key], values)
    return outcome
  }

  const forget: Groups['forget'] = async ({ group, topic: only, reason, by = '' }) => {
    const all = await catalogue.all('forget a group')
    const found = all.filter(({ name }) => (only ?? name) === name)
    const forgotten: { topic: string; unread: number }[] = []
    // First it is looked at all of them, so that nothing is forgotten of a group that is still read somewhere.
    for (const isSure of [0, 1])
      for (const { name: topic, key, partitions } of found) {
        const values = [group, partitions, isSure, 'by', by, 'reason', reason]
        const [outcome, unread] = await connection.run<[string, number]>(`forget group "${group}"`, FORGET, [key], values)
        if (outcome === 'members') return 'members'
        if (outcome === 'forgotten') forgotten.push({ topic, unread })
      }
    return forgotten
  }

  return { declareGroup, subscribe, seek, forget, isPosition }
}
