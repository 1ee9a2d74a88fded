import { CallError, type Message } from '../../contract/contract.ts'
import { topicOf } from '../../contract/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { quietly } from '../broker-adapter.ts'
import type { Broker } from '../broker.ts'
import { BROKER_NUMBERS, checkMessages, checkName, checkOptions } from '../limits.ts'
import type { GroupOptions, SubscribeOptions } from '../topics.ts'
import type { BrokerServer } from './broker-server.ts'

/** The operations of a broker that last no longer than their answer. */
export type CheckedServer = Omit<Broker, 'name' | 'capabilities' | 'subscribe' | 'receive' | 'stop' | 'find'> & {
  /** Answers how to leave. */
  readonly subscribe: (options: SubscribeOptions) => Promise<() => Promise<void>>
}

/** What a server does, for whatever comes in: names, numbers, messages and positions are checked, and outcomes become errors in words. */
export function checkedServer(
  server: BrokerServer,
  { title, log }: { readonly title: string; readonly log: Logger },
): CheckedServer {
  const need = async (topic: string): Promise<number> => {
    checkName('topic', topic)
    const count = await server.partitions(topic)
    if (count !== undefined) return count
    throw new CallError('NOT_FOUND', `Cannot find topic "${topic}": nobody has declared it or published to it`)
  }

  const noPlace = (action: string, why: string): CallError => new CallError('OUT_OF_RANGE', `Cannot ${action}: ${why}`)
  const checkPosition = (action: string, position: string): void => {
    if (server.isPosition(position)) return
    throw noPlace(action, `${title} has given out no position "${position.slice(0, 40)}"`)
  }
  const checkPartition = (action: string, partition: number, count: number): void => {
    if (!(Number.isInteger(partition) && partition >= 0 && partition < count))
      throw noPlace(action, `there is no partition ${partition}; it has ${count}`)
  }
  const hasMembers = (action: string): CallError =>
    new CallError('FAILED_PRECONDITION', `Cannot ${action}: it has members reading; stop them first`)

  const checkGroup = ({ group, topics, from = 'beginning' }: GroupOptions): Required<GroupOptions> => {
    checkName('group', group)
    const names = [...new Set(topics)]
    for (const topic of names) checkName('topic', topic)
    return { group, topics: names, from }
  }

  /** To each topic or queue what is its own; all are waited for, as what is under way could arrive after what is published again. */
  const spread = async (messages: readonly Message[], give: (to: string, own: readonly Message[]) => Promise<void>) => {
    checkMessages(messages)
    const copies = messages.map((message) => Object.freeze({ ...message }))
    const given = Map.groupBy(copies, topicOf)
      .entries()
      .map(([to, own]) => give(to, own))
    const failed = (await Promise.allSettled(given)).find(({ status }) => status === 'rejected')
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
  }

  const subscribe: CheckedServer['subscribe'] = async (given) => {
    const { group, assigned } = given
    checkOptions(`subscribe group "${group}"`, given, BROKER_NUMBERS.subscribe)
    const groupOptions = checkGroup(given)
    await server.declareGroup(groupOptions)
    return server.subscribe({
      ...quietly(given),
      ...groupOptions,
      ...(assigned && {
        assigned: async (assignment) => {
          const answer = await assigned(assignment)
          if (answer) checkPosition(`read topic "${assignment.topic}" as group "${group}"`, answer.after)
          return answer
        },
      }),
    })
  }

  const seek: CheckedServer['seek'] = async ({ group, topic, to: wanted }) => {
    const action = `move group "${group}" on topic "${topic}"`
    checkName('group', group)
    const count = await need(topic)
    let to = wanted
    if (typeof to === 'object') {
      if ('time' in to) {
        checkOptions(`move group "${group}" to a time`, to, BROKER_NUMBERS.time)
        to = { time: Math.max(0, Math.ceil(to.time)) }
      } else {
        checkPartition(action, to.partition, count)
        checkPosition(action, to.after)
      }
    }
    const outcome = await server.seek({ group, topic, to })
    if (outcome === 'members') throw hasMembers(action)
    if (outcome === 'beyond') throw noPlace(action, `there is no position ${JSON.stringify(to)}`)
  }

  const forget: CheckedServer['forget'] = async (request) => {
    const { group, topic, reason, by = '' } = request
    const action = `forget group "${group}"${topic === undefined ? '' : ` on topic "${topic}"`}`
    checkName('group', group)
    if (topic !== undefined) checkName('topic', topic)
    const forgotten = await server.forget(request)
    if (forgotten === 'members') throw hasMembers(action)
    if (forgotten.length === 0) throw new CallError('NOT_FOUND', `Cannot ${action}: it has no position there`)
    log.info('A group was forgotten', { group, forgotten, by, reason })
    return forgotten
  }

  const browse: CheckedServer['browse'] = async (request) => {
    const { topic, partition, after, limit } = request
    const action = `browse topic "${topic}"`
    checkOptions(action, request, BROKER_NUMBERS.browse)
    checkPartition(action, partition, await need(topic))
    if (after !== undefined) checkPosition(action, after)
    return limit === 0 ? [] : server.browse(request)
  }

  return {
    declareTopic: async (topic, options = {}) => {
      checkName('topic', topic)
      checkOptions(`declare topic "${topic}"`, { partitions: options.partitions }, BROKER_NUMBERS.topic)
      checkOptions(`declare topic "${topic}" with this retention`, options.retention ?? {}, BROKER_NUMBERS.retention)
      await server.declareTopic(topic, options)
    },
    publish: (messages) => spread(messages, server.publish),
    declareGroup: async (options) => server.declareGroup(checkGroup(options)),
    partitions: need,
    retention: async (topic) => {
      checkName('topic', topic)
      return server.retention(topic)
    },
    send: (messages) => spread(messages, server.send),
    lag: () => server.lag(),
    ...{ subscribe, seek, forget, browse },
  }
}
